/** The engine's public API: everything that programs, the command line and the server use, and nothing else. */
// First, before anything large is loaded.
import './system/address-space.js'

export { type BackendReport, describeBackends } from './compute/index.js'
export {
  DEFAULT_PRESET,
  PRESETS,
  parseAssignment,
  resolveSettings,
  SETTING_GROUPS,
  SETTINGS_SCHEMA,
  type Settings,
} from './config.js'
export {
  ERRORS,
  type ErrorCode,
  fromErrorInfo,
  type Hints,
  SiderError,
  type SiderErrorOptions,
  type StageName,
} from './errors.js'
export {
  type Case,
  type CaseScore,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  findCases,
} from './evaluate/index.js'
export { evaluationFiles, writeEvaluation } from './evaluate/report.js'
export { writeGlb } from './formats/write-glb.js'
export { type GenerateOptions, generateSet } from './generate/index.js'
export { loadHead } from './head/load.js'
export { Inspector, type InspectRecord, type RecordValue } from './inspect.js'
export { checkGiven } from './landmarks/choose.js'
export { type NamedLandmark, namedLandmarks } from './landmarks/correct.js'
export { LandmarkDetector } from './landmarks/detect.js'
export { drawFaces, type FaceLine, faceLines } from './landmarks/draw.js'
export { readLandmarks } from './landmarks/read.js'
export { nearestName } from './nearest-name.js'
export { imageJpeg } from './outputs/dump.js'
export { outputFiles, writeOutputs } from './outputs/index.js'
export { readPhotoFile } from './photo/read.js'
export { findFaces } from './pipeline/find-faces.js'
export { type FaceOverlay, faceOverlay, fitLandmarks, type LandmarkFit } from './pipeline/landmark-fit.js'
export { reconstruct } from './reconstruct.js'
export { reconstructInto } from './run/index.js'
export type { RunOptions } from './run/service.js'
export type {
  CheckpointOptions,
  FacesFound,
  Progress,
  Reconstruction,
  ReconstructOptions,
} from './run/types.js'
export type { Face, FaceView, HeadFit, HeadModel, ImplicitField, Landmarks, Mesh, Photo } from './stages.js'
export { type SdfHeader, sdfSnapshot } from './surface/sdf-grid.js'
export { defaultDataFolder } from './system/data-folder.js'
export { isAlive, makeFolder, outputError, writeFileAtomic } from './system/files.js'
export { VERSION } from './system/version.js'
