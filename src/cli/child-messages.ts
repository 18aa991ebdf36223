/** What the command line and the process that computes for it say to each other. */

export type ToChild = 'interrupt'

/** The command has ended, and has told how. */
export interface FromChild {
  status: number
}

/** In the environment of the computing process, beside the channel to its parent. */
export const CHILD = 'SIDER_CHILD'
