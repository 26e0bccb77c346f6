export { findProgram, startProgram, type Program, type ProgramOptions } from './program.js';
export { freePort } from './free-port.js';
export { dnsmasqPlan, ETCD, MARIADB, NGINX, POSTGRES, REDIS, SSHD, sshOptions } from './servers/plans.js';
export { missingPrograms, startRealServer, type RealServer, type RealServerPlan } from './servers/real-server.js';
