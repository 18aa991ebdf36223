/** The states of jobs, by the one table schemas/job-states.json. */
import { END_STATES, type JobAction, type JobState, TRANSITIONS } from '../generated/job-states.js'

export { JOB_STATES, type JobAction, type JobState } from '../generated/job-states.js'

/** Where an action leads from a state; undefined if the state does not allow it. */
export const next = (state: JobState, action: JobAction): JobState | undefined => TRANSITIONS[state][action]

/** Whether the state is one that a job does not leave. */
export const isEnd = (state: JobState): boolean => END_STATES.includes(state)

/** Whether a job in this state goes to a worker, when it is its turn. */
export const waitsForWorker = (state: JobState): boolean => next(state, 'start') !== undefined
