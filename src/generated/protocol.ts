/* Generated from schemas/rpc.openrpc.json by `npm run generate`. Do not edit. */

/**
 * How payloads travel.
 */
export type Delivery = 'binary' | 'base64'
/**
 * The photo's file: an upload, or base64.
 */
export type ImageInput =
  | {
      /**
       * Id of a finished upload.
       */
      upload: string
    }
  | {
      /**
       * The file's bytes.
       */
      base64: string
    }
/**
 * A job's id.
 */
export type JobId = string
/**
 * completed, failed, cancelled are end states.
 */
export type JobState =
  'queued' | 'running' | 'pausing' | 'finishing' | 'input_required' | 'paused' | 'completed' | 'failed' | 'cancelled'
/**
 * Milliseconds since 1970.
 */
export type Time = number
/**
 * Rises with every event of the job; numbers may be left out.
 */
export type Seq = number
export type Stage = 'setup' | 'photo' | 'landmarks' | 'head' | 'coarse' | 'detail' | 'surface' | 'output'
export type EventKind = 'progress' | 'log' | 'mesh' | 'sdf' | 'image' | 'file'

export interface Protocol {
  Methods: Methods
  Notifications: Notifications
  FrameHeader: FrameHeader
  ErrorData: ErrorData
}
export interface Methods {
  /**
   * Opens the session; must be the first request, within the time the server allows.
   */
  initialize: {
    params: InitializeParams
    result: Session
  }
  /**
   * Answers at once, even while a job runs. Allowed before initialize.
   */
  ping: {
    params: PingParams
    result: PingResult
  }
  /**
   * This document. Allowed before initialize.
   */
  'rpc.discover': {
    params: RpcDiscoverParams
    result: RpcDiscoverResult
  }
  /**
   * Announces a photo that follows in binary frames of kind upload.
   */
  'upload/begin': {
    params: UploadBeginParams
    result: UploadBeginResult
  }
  /**
   * Finds the faces of a photo and their landmarks, without a job. What face/fit and job/create's photo.face count from.
   */
  'face/find': {
    params: FaceFindParams
    result: FaceFindResult
  }
  /**
   * Fits the head to the landmarks of one face, some of them corrected, in less than a second: what shows whether they are right. It looks at landmarks alone; job/create with the same corrections makes the face.
   */
  'face/fit': {
    params: FaceFitParams
    result: FaceFitResult
  }
  /**
   * Accepts a photo for reconstruction. When it answers, the job is on disk and will be worked on even if the server is killed.
   */
  'job/create': {
    params: JobCreateParams
    result: Job
  }
  /**
   * A job as it is now.
   */
  'job/get': {
    params: JobGetParams
    result: Job
  }
  /**
   * The jobs of this token, newest first.
   */
  'job/list': {
    params: JobListParams
    result: JobListResult
  }
  /**
   * Stops a job for good. With keep, a running job ends its optimisation after the current step and completes with what it has found.
   */
  'job/cancel': {
    params: JobCancelParams
    result: Job
  }
  /**
   * Stops a job after its current step with a checkpoint; its place goes to the next. A running job answers at once and is paused when job/state says so.
   */
  'job/pause': {
    params: JobPauseParams
    result: Job
  }
  /**
   * Queues a paused job again; it goes on from its checkpoint.
   */
  'job/resume': {
    params: JobResumeParams
    result: Job
  }
  /**
   * Answers the question of a job in the state input_required; it is queued again.
   */
  'job/input': {
    params: JobInputParams
    result: Job
  }
  /**
   * What a completed job made; artifact/get fetches the files.
   */
  'job/result': {
    params: JobResultParams
    result: JobResult
  }
  /**
   * Removes a job that is in an end state, with its files.
   */
  'job/delete': {
    params: JobDeleteParams
    result: JobDeleteResult
  }
  /**
   * Sends a job's notifications on this connection, starting with what is newest or with all after a sequence number. Subscribing again replaces the subscription.
   */
  'job/subscribe': {
    params: JobSubscribeParams
    result: JobSubscribeResult
  }
  /**
   * Ends a subscription.
   */
  'job/unsubscribe': {
    params: JobUnsubscribeParams
    result: JobUnsubscribeResult
  }
  /**
   * Fetches a file of a result, or a preview that is still the newest of its kind. With binary delivery the answer is followed by frames of kind artifact that carry its transfer id.
   */
  'artifact/get': {
    params: ArtifactGetParams
    result: ArtifactGetResult
  }
}
export interface InitializeParams {
  /**
   * Protocol version that the client speaks.
   */
  protocol: number
  /**
   * The secret from the server's token file.
   */
  token: string
  client?: PeerInfo
  capabilities?: Capabilities
}
export interface PeerInfo {
  name: string
  version?: string
}
export interface Capabilities {
  delivery?: Delivery
}
export interface Session {
  protocol: number
  server: PeerInfo
  /**
   * Id of this session, for logs.
   */
  session: string
  limits: Limits
  presets: PresetInfo[]
  defaultPreset: string
  /**
   * JSON Schema of the settings, for menus.
   */
  settings: {
    [k: string]: unknown
  }
}
export interface Limits {
  /**
   * Largest photo.
   */
  photoBytes: number
  /**
   * Largest frame that the server reads.
   */
  messageBytes: number
  partBytes: number
  requestsPerSecond: number
  queuedJobs: number
}
export interface PresetInfo {
  name: string
  description: string
  /**
   * What it changes about the defaults of the settings' schema, by group.
   */
  settings: {
    [k: string]: unknown
  }
}
export interface PingParams {}
export interface PingResult {
  /**
   * The server's clock, milliseconds since 1970.
   */
  time: number
}
export interface RpcDiscoverParams {}
export interface RpcDiscoverResult {
  openrpc: string
  info: {
    [k: string]: unknown
  }
  methods: {
    [k: string]: unknown
  }[]
  [k: string]: unknown
}
export interface UploadBeginParams {
  /**
   * Size of the whole file.
   */
  bytes: number
  /**
   * Digest of the whole file, which the server then checks.
   */
  sha256?: string
}
export interface UploadBeginResult {
  /**
   * Id for the frames' headers and for job/create. It ends with the connection, and when the job is not made in time.
   */
  upload: string
  /**
   * Size of every part but the last.
   */
  partBytes: number
  /**
   * How many parts there are to send.
   */
  parts: number
}
export interface FaceFindParams {
  image: ImageInput
}
export interface FaceFindResult {
  photo: PhotoFacts
  /**
   * The largest first.
   */
  faces: FoundFace[]
}
export interface PhotoFacts {
  /**
   * Pixels of the upright photo.
   */
  width: number
  height: number
  /**
   * Focal length in its pixels, if its EXIF data tell it.
   */
  focalPx?: number
}
export interface FoundFace {
  /**
   * Its number, as the setting photo.face counts.
   */
  face: number
  x: number
  y: number
  width: number
  height: number
  score: number
  landmarks: FaceLandmarks
}
/**
 * Landmarks of one face: 68 (iBUG) or 478 (face mesh).
 */
export interface FaceLandmarks {
  /**
   * Photo pixels [x, y].
   *
   * @maxItems 478
   */
  points: [number, number][]
  /**
   * How far each lies behind the others, photo pixels; null where unknown.
   *
   * @maxItems 478
   */
  depths?: (number | null)[]
  /**
   * How far the two networks disagree, as a share of the distance of the outer eye corners.
   */
  disagreement?: number
}
export interface FaceFitParams {
  photo: PhotoFacts
  landmarks: FaceLandmarks
  corrections?: Corrections
  /**
   * Name of a preset; initialize lists them.
   */
  preset?: string
  /**
   * Changes to the preset, nested ({"relief": {"steps": 99}}) or dotted ({"relief.steps": 99}).
   */
  settings?: {
    [k: string]: unknown
  }
}
/**
 * Single landmarks in their right places, which the head fit then believes: photo pixels [x, y] by the landmark, 0 to 67 (iBUG) or 478:0 to 478:477 (face mesh).
 */
export interface Corrections {
  /**
   * @minItems 2
   * @maxItems 2
   */
  [k: string]: [number, number]
}
export interface FaceFitResult {
  /**
   * The corrected landmarks that a person can put in place, by the names that corrections have for them.
   */
  landmarks: NamedLandmark[]
  /**
   * Contours of the fitted head in the photo.
   */
  lines: FaceLine[]
  /**
   * Root mean square distance between the landmarks and the head, as a share of the distance of the outer eye corners.
   */
  landmarkRmsRelative: number
  /**
   * How much of what faces differ in the fit counts as settled, 0..1: an upper bound, see docs/head-fit.md.
   */
  identityDetermined: number
  warnings: string[]
}
export interface NamedLandmark {
  name: string
  x: number
  y: number
}
export interface FaceLine {
  feature: 'outline' | 'brow' | 'nose' | 'eye' | 'iris' | 'outer lips' | 'inner lips'
  closed: boolean
  /**
   * Photo pixels [x, y].
   */
  points: [number, number][]
}
export interface JobCreateParams {
  image: ImageInput
  /**
   * A name for people, such as the photo's file name.
   */
  name?: string
  /**
   * Name of a preset; initialize lists them.
   */
  preset?: string
  /**
   * Changes to the preset, nested ({"relief": {"steps": 99}}) or dotted ({"relief.steps": 99}).
   */
  settings?: {
    [k: string]: unknown
  }
  /**
   * The face's landmarks in photo pixels in place of detection: 68 or 478 points [x, y], or an object with them.
   */
  landmarks?:
    | unknown[]
    | {
        [k: string]: unknown
      }
  corrections?: Corrections
  /**
   * What to do with a photo of several faces if the setting photo.face does not choose one: take the largest, ask by the state input_required, or fail with SEVERAL_FACES.
   */
  severalFaces?: 'largest' | 'ask' | 'fail'
  /**
   * Waiting jobs of a higher priority go first, whichever token has made them; among equals tokens take turns.
   */
  priority?: 'high' | 'normal' | 'low'
  /**
   * Sent again with the same key (after a lost connection, say), the call answers with the first job and makes none.
   */
  idempotencyKey?: string
}
export interface Job {
  id: JobId
  name?: string
  state: JobState
  created: Time
  updated: Time
  seq: Seq
  preset: string
  /**
   * Share of the whole that is done.
   */
  progress: number
  /**
   * Place in the queue, from 0.
   */
  position?: number
  question?: Question
  error?: ErrorInfo
}
/**
 * What a job in the state input_required wants to know.
 */
export interface Question {
  kind: 'face'
  faces: FaceBox[]
}
export interface FaceBox {
  /**
   * Its number, to be shown and to answer with: the largest face is 0, as in the setting photo.face.
   */
  face: number
  /**
   * Box in photo pixels.
   */
  x: number
  y: number
  width: number
  height: number
  score: number
}
/**
 * Why a job failed.
 */
export interface ErrorInfo {
  code: number
  /**
   * Its code, as in docs/errors.md.
   */
  name: string
  message: string
  stage?: Stage
  /**
   * Whether the same request may succeed later.
   */
  retry: boolean
  hints: Hints
  /**
   * Machine-readable details.
   */
  detail?: {
    [k: string]: unknown
  }
}
/**
 * What to do, in the words of a front end: the command line's own, of a page, and of Blender. Other programs take `page`.
 */
export interface Hints {
  cli: string
  page: string
  blender: string
}
export interface JobGetParams {
  job: JobId
}
export interface JobListParams {
  /**
   * Only jobs in these states.
   */
  states?: JobState[]
  /**
   * At most so many.
   */
  limit?: number
  before?: JobId
}
export interface JobListResult {
  jobs: Job[]
  /**
   * Whether there are older ones.
   */
  more: boolean
}
export interface JobCancelParams {
  job: JobId
  /**
   * Keep the best so far.
   */
  keep?: boolean
}
export interface JobPauseParams {
  job: JobId
}
export interface JobResumeParams {
  job: JobId
}
export interface JobInputParams {
  job: JobId
  /**
   * Number of the chosen face, as in the question.
   */
  face: number
}
export interface JobResultParams {
  job: JobId
}
export interface JobResult {
  job: JobId
  backend: string
  /**
   * Seconds of each stage.
   */
  seconds: {
    [k: string]: unknown
  }
  /**
   * As in report.json.
   */
  quality: {
    [k: string]: unknown
  }
  warnings: string[]
  files: Artifact[]
}
export interface Artifact {
  id: string
  role: 'preview' | 'final'
  kind: 'mesh' | 'sdf' | 'image' | 'file'
  /**
   * 'mesh', 'normals', ...; the file's path for finals.
   */
  name: string
  mediaType: string
  bytes: number
  sha256: string
  /**
   * Optimiser step it shows.
   */
  step?: number
  /**
   * Meshes of equal topology have the same triangles and vertex order: only positions and normals need updating.
   */
  topology?: string
  sdf?: SdfHeader
}
/**
 * How to read a distance grid: float16 samples, x fastest.
 */
export interface SdfHeader {
  version: number
  /**
   * Samples along x, y, z.
   */
  dims: number[]
  axisOrder: string
  dtype: string
  endian: string
  /**
   * Centre of the first sample.
   */
  origin: number[]
  spacing: number
  units: string
  sign: string
  isoLevel: number
  /**
   * 4x4, row-major.
   */
  toGltf: number[]
}
export interface JobDeleteParams {
  job: JobId
}
export interface JobDeleteResult {
  job: JobId
}
export interface JobSubscribeParams {
  job: JobId
  /**
   * The last sequence number seen: what came later is sent again, and what is no longer kept is announced by job/gap. Without it, the present state and the newest previews are sent.
   */
  after?: number
  /**
   * Which notifications and previews; job/state and job/gap always come. Default: all.
   */
  kinds?: EventKind[]
  /**
   * Previews of one kind, and progress, at most this often; newest wins.
   */
  minIntervalMs?: number
}
export interface JobSubscribeResult {
  job: Job
  /**
   * The job's newest sequence number.
   */
  seq: number
}
export interface JobUnsubscribeParams {
  job: JobId
}
export interface JobUnsubscribeResult {
  job: JobId
}
export interface ArtifactGetParams {
  job: JobId
  /**
   * Id from job/artifact or job/result.
   */
  artifact: string
  delivery?: Delivery
}
export interface ArtifactGetResult {
  artifact: Artifact
  /**
   * The frames that follow carry this id.
   */
  transfer?: string
  /**
   * The payload, if base64 was asked for.
   */
  base64?: string
}
export interface Notifications {
  'job/state': JobStateEvent
  'job/progress': JobProgressEvent
  'job/artifact': JobArtifactEvent
  'job/log': JobLogEvent
  'job/gap': JobGapEvent
}
/**
 * The job is in another state. Never dropped.
 */
export interface JobStateEvent {
  job: JobId
  seq: Seq
  time: Time
  state: JobState
  question?: Question
  error?: ErrorInfo
}
/**
 * How far the job is; at most ten a second, newest wins.
 */
export interface JobProgressEvent {
  job: JobId
  seq: Seq
  time: Time
  stage: Stage
  /**
   * Share of the whole that is done; only rises.
   */
  fraction: number
  iteration?: number
  iterations?: number
  loss?: number
  etaSeconds?: number
  message?: string
}
/**
 * A preview, or a file of the result. Previews coalesce (newest wins), finals are never dropped.
 */
export interface JobArtifactEvent {
  job: JobId
  seq: Seq
  time: Time
  artifact: Artifact
  /**
   * Frames with this transfer id follow with the payload (previews; finals are fetched by artifact/get).
   */
  transfer?: string
  /**
   * The payload, for clients that asked for base64.
   */
  base64?: string
}
/**
 * A message for people: warnings of the run, a restart of its worker.
 */
export interface JobLogEvent {
  job: JobId
  seq: Seq
  time: Time
  level: 'info' | 'warning'
  message: string
}
/**
 * Events that were asked for again are no longer kept; the present state and the newest previews follow.
 */
export interface JobGapEvent {
  job: JobId
  seq: Seq
  time: Time
  /**
   * First sequence number that is missing.
   */
  from: number
  /**
   * Last sequence number that is missing.
   */
  to: number
}
export interface FrameHeader {
  /**
   * The upload or transfer.
   */
  id: string
  /**
   * Counted from 0; parts come in order.
   */
  part: number
  parts: number
  /**
   * Length of this part's payload.
   */
  bytes: number
  /**
   * Digest of the whole payload, in the last part.
   */
  sha256?: string
  job?: JobId
  /**
   * Id of the artifact.
   */
  artifact?: string
  /**
   * Sequence number of the job/artifact notification, for previews.
   */
  seq?: number
  mediaType?: string
}
/**
 * data of every error.
 */
export interface ErrorData {
  /**
   * Its code, as in docs/errors.md.
   */
  name: string
  retry: boolean
  hints: Hints
  stage?: Stage
  detail?: {
    [k: string]: unknown
  }
  /**
   * Every param that is wrong: where, what, and what to do.
   */
  problems?: Problem[]
}
export interface Problem {
  path: string
  message: string
}

/** Rises with every change that a client must know of. */
export const PROTOCOL_VERSION = 2
