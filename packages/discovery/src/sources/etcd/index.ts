export { announceByEtcd, etcd, type EtcdAnnounceOptions, type EtcdOptions } from './etcd-source.js';
