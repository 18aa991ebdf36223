/** The client library, `sider-face/client`: for Node and browsers. */

export { ERRORS, type ErrorCode, type FrontEnd } from '../../generated/errors.js'
export { END_STATES } from '../../generated/job-states.js'
export type * from '../../generated/protocol.js'
export { type ConnectOptions, SiderClient } from './client.js'
export { type JobUpdate, type ReconstructOptions, RemoteJob, type RemoteResult } from './job.js'
export { ConnectionLost, type Notification, RemoteError } from './link.js'
