/** The client library, `sider-face/client`: for Node and browsers. */
export type * from '../generated/protocol.js'
export { RPC_ERRORS } from '../generated/protocol.js'
export { type ConnectOptions, SiderClient } from './client.js'
export { type JobUpdate, type ReconstructOptions, RemoteJob, type RemoteResult } from './job.js'
export { ConnectionLost, type Notification, RemoteError } from './link.js'
