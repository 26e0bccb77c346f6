export { EtcdServers, type EtcdServersOptions } from './api/etcd-servers.js';
export { announceByEtcd, etcd, type EtcdAnnounceOptions, type EtcdOptions } from './sources/etcd/etcd-source.js';
export { DrainMarks, type DrainMark, type DrainMarksOptions } from './sources/etcd/drain-marks.js';
