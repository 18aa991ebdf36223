/* Generated from schemas/job-states.json by `npm run generate`. Do not edit. */

export type JobState = 'queued' | 'running' | 'pausing' | 'finishing' | 'input_required' | 'paused' | 'completed' | 'failed' | 'cancelled'

export type JobAction = 'start' | 'pause' | 'resume' | 'input' | 'keep' | 'cancel' | 'ask' | 'again' | 'complete' | 'fail'

/** Every state that a job can be in. */
export const JOB_STATES: readonly JobState[] = ["queued","running","pausing","finishing","input_required","paused","completed","failed","cancelled"]

/** Those that it does not leave. */
export const END_STATES: readonly JobState[] = ["completed","failed","cancelled"]

/** Where an action leads from a state; what is not here is not allowed. */
export const TRANSITIONS: Readonly<Record<JobState, Partial<Record<JobAction, JobState>>>> = {
  queued: {"start":"running","pause":"paused","keep":"cancelled","cancel":"cancelled"},
  running: {"pause":"pausing","keep":"finishing","cancel":"cancelled","ask":"input_required","again":"queued","complete":"completed","fail":"failed"},
  pausing: {"pause":"pausing","keep":"finishing","cancel":"cancelled","ask":"input_required","again":"paused","complete":"completed","fail":"failed"},
  finishing: {"start":"finishing","keep":"finishing","cancel":"cancelled","ask":"input_required","again":"finishing","complete":"completed","fail":"failed"},
  input_required: {"input":"queued","keep":"cancelled","cancel":"cancelled"},
  paused: {"resume":"queued","keep":"cancelled","cancel":"cancelled"},
  completed: {},
  failed: {},
  cancelled: {},
}
