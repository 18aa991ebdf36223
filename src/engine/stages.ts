/**
 * The data that passes between stages: read this first, then `reconstruct.ts`.
 *
 *   Photo → Face (landmarks) → HeadFit → CoarseField → DetailedField → Surface → files
 *
 * Conventions (docs/conventions.md):
 * - head frame: metres, right-handed, +X to the subject's left (the image's right in a frontal photo), +Y up, +Z out of the face
 * - camera frame: OpenCV, x right, y down, z forward
 * - pixels: x right, y down, the centre of the first pixel is (0.5, 0.5)
 * - SDF: negative inside; images: sRGB
 * - arrays are flat and row-major; shapes stand in comments, `// [n, 3]`
 */

/** A decoded photo: upright (EXIF orientation applied), 8-bit sRGB, alpha composited over white. */
export interface Photo {
  width: number
  height: number
  /** [height, width, 3] sRGB. */
  data: Uint8Array
  /** Focal length in pixels of this photo if EXIF states or implies it (35 mm equivalent, or focal plane resolution). */
  exifFocalPx: number | undefined
  /** Lower-case container format: jpeg, png, webp, heif (AVIF), tiff. */
  format: string
  /** SHA-256 of the file's bytes, hex. Provenance and checkpoint identity. */
  sha256: string
  /** Things the user should know (alpha removed, CMYK converted, scaled down, ...). */
  warnings: string[]
}

/** An axis-aligned box in photo pixels. */
export interface Box {
  x: number
  y: number
  width: number
  height: number
}

/** 2D landmarks of one face in photo pixels. Layout '68' is iBUG's, '478' MediaPipe's (468 mesh points + 10 iris). */
export interface Landmarks {
  layout: 68 | 478
  /** [layout, 2] photo pixels. */
  points: Float64Array
  /**
   * [layout] how far each point lies behind the others, in photo pixels (the scale of x and y; only differences mean
   * anything), NaN where unknown. A detector's guess: the head fit uses it as evidence; landmarks given by the user have none.
   */
  depths?: Float64Array
  /**
   * Root mean square distance between the meshes of two networks, as a share of the distance of the outer eye corners: how far the
   * detector doubts itself. Undefined for landmarks given by the user.
   */
  disagreement?: number
  /** Points that the user has put in their places: the fit believes them. */
  corrected?: readonly number[]
}

/** One face found in (or told of by the user for) a photo. */
export interface Face {
  box: Box
  landmarks: Landmarks
  /** Detector's confidence in 0..1; 1 for landmarks given by the user. */
  score: number
}

/** Triangle mesh. Positions in metres, head frame unless said otherwise. */
export interface Mesh {
  /** [vertices, 3] */
  positions: Float32Array
  /** [triangles, 3], counter-clockwise seen from outside. */
  indices: Uint32Array
}

/** Perspective camera of the *photo* (the crop only shifts and scales its intrinsics). */
export interface Camera {
  /** Photo size in pixels. */
  width: number
  height: number
  /** Focal lengths and principal point in photo pixels. */
  fx: number
  fy: number
  cx: number
  cy: number
  /** Rigid head → camera transform, 4x4 row-major. */
  headToCamera: Float64Array
}

/** The square of the photo that is optimised, and its resolution. */
export interface Crop extends Box {
  /** Crop pixels per side. Crop pixel (u, v) lies at photo pixel (x + u * width / size, y + v * height / size). */
  size: number
}

/** Sparse landmark embedding: each landmark is a barycentric point on a triangle. */
export interface LandmarkEmbedding {
  /** [landmarks] triangle of each landmark. */
  triangles: Uint32Array
  /** [landmarks, 3] */
  barycentric: Float32Array
}

/** Skinning joint (FLAME's neck, jaw and eyes, GNM's neck and eyes; the built-in head's expressions are linear, so it has none). */
export interface Joint {
  name: string
  /** Index of the parent joint, -1 at the root. */
  parent: number
}

/** A morphable head: mean + identity + expression (+ optional joints). Every loader makes this one interface. */
export interface HeadModel {
  /** Display name: 'built-in', 'FLAME 2020', 'ICT-FaceKit'. */
  name: string
  /** Licence and source for the report. */
  provenance: string
  /** [vertices, 3] neutral mean, metres, head frame. */
  mean: Float32Array
  /** [triangles, 3] */
  indices: Uint32Array
  /** The other half of the quad that each of the first triangles is half of, -1 for none; undefined where that is not known. */
  quads?: Int32Array
  /** [identityCount, vertices, 3] displacement in metres per unit coefficient: coefficients are N(0, 1) a priori. */
  identity: Float32Array
  identityCount: number
  /** [expressionCount, vertices, 3] displacement in metres per unit coefficient. */
  expression: Float32Array
  expressionCount: number
  /** [expressionCount] standard deviation of each coefficient a priori. */
  expressionSigma: Float32Array
  /** [expressionCount, 2] allowed range, e.g. 0..1 for blendshapes; -Infinity..Infinity where free. */
  expressionRange: Float32Array
  /** [expressionCount] names: ARKit's where they correspond, else the model's own. */
  expressionNames: string[]
  /** [uvVertices, 2] glTF convention (v down); undefined for models without. */
  uv: Float32Array | undefined
  /** [triangles, 3] indices into `uv` (seams split vertices). */
  uvIndices: Uint32Array | undefined
  /** iBUG 68. */
  landmarks68: LandmarkEmbedding
  /** MediaPipe 478 (the last 10, irises, have weight 0 where a model has no eyes). */
  landmarks478: LandmarkEmbedding
  /** [478] 0..1: how far each of the 478 embedded points is to be trusted. */
  landmarkWeights478: Float32Array
  /** [triangles] 1 in the face region that becomes the SDF: forehead to chin, cheek to cheek, no ears, neck, eyeballs, mouth bag. */
  faceRegion: Uint8Array
  /** [vertices] skin part of each vertex. */
  parts: Uint8Array
  skinning: Skinning | undefined
  /** What is behind the lips; undefined for models without. */
  interior?: HeadInterior
}

/** How closely parts beside the skin follow their shape: for close-ups, or for programs that count triangles. */
export type Fineness = 'fine' | 'coarse'

/** Triangles of the mouth's inside, of its vertices and of its texture. */
export interface InteriorFaces {
  /** [triangles, 3] */
  indices: Uint32Array
  /** [triangles, 3] rows of `uv`; empty without texture. */
  uvIndices: Uint32Array
}

/** Teeth, gums, tongue and the mouth's lining: a mesh of its own that the head's coefficients move. */
export interface HeadInterior extends InteriorFaces {
  /** [vertices, 3] in the neutral mean head, metres, head frame. */
  mean: Float32Array
  /** [identityCount, vertices, 3] and [expressionCount, vertices, 3], by the head's coefficients. */
  identity: Float32Array
  expression: Float32Array
  /**
   * [vertices, 3] displacement of the tongue put out, in the mean head, metres; turns with the lower jaw. Undefined where the model's
   * expressions move the tongue.
   */
  tongueOut: Float32Array | undefined
  /** [uvVertices, 2] of a texture of their own, v down. */
  uv: Float32Array
  /** The same surface in fewer triangles between some of the vertices; undefined where the model has none. */
  reduced: Record<Fineness, InteriorFaces> | undefined
  /** [vertices] values of INTERIOR_PARTS. */
  parts: Uint8Array
  /** [n, 2] vertices of the lining's rim, and the head's vertices at the lips' contact in the same places. */
  seam: Uint32Array
}

/** Linear blend skinning of a model with joints. Rotations about joints are extra fit parameters (axis-angle). */
export interface Skinning {
  joints: Joint[]
  rest: JointRest
  /** [vertices, joints] */
  weights: Float32Array
  /** [9 * (joints - 1), vertices, 3] pose blendshapes over (R - I) of the non-root joints, or undefined. */
  poseBlendshapes: Float32Array | undefined
}

/** Where the joints lie at rest: a linear function of the coefficients, as the vertices are. Metres, head frame. */
export interface JointRest {
  /** [joints, 3] */
  mean: Float32Array
  /** [identityCount, joints, 3] */
  identity: Float32Array
  /** [expressionCount, joints, 3] */
  expression: Float32Array
}

/** Values of `HeadModel.parts`. */
export const HEAD_PARTS = { skin: 0, eyeball: 1, mouth: 2, ear: 3, neck: 4, scalp: 5 } as const

/** Values of `HeadInterior.parts`. */
export const INTERIOR_PARTS = { upperTeeth: 0, lowerTeeth: 1, gums: 2, tongue: 3, lining: 4 } as const

/** How the focal length came about. */
export type FocalSource = 'exif' | 'setting' | 'estimated'

/** The head fitted to the landmarks (Eq. 3). */
export interface HeadFit {
  model: HeadModel
  /** [identityCount] */
  identity: Float64Array
  /** [expressionCount] */
  expression: Float64Array
  /** [joints, 3] axis-angle; empty without skinning. */
  jointRotations: Float64Array
  /** Posed mesh in the head frame, metres; all of the model's vertices and triangles. */
  mesh: Mesh
  camera: Camera
  focalSource: FocalSource
  crop: Crop
  /** Root mean square distance between projected and given landmarks, photo pixels. */
  residualPx: number
  /** The same as a share of the interocular distance. */
  residualRelative: number
  /**
   * [landmarks, 2] where the fitted head shows each landmark, photo pixels (those of the jaw: where its outline is seen); NaN for
   * those that the model lacks.
   */
  shown: Float64Array
  /** How much of what faces differ in the fit counts as settled, 0..1, an upper bound: see docs/head-fit.md. */
  identityDetermined: number
  warnings: string[]
}

/** Maps head-frame metres to the field's coordinates: x_field = (x - center) / scale; the face region lies in the unit sphere. */
export interface FieldFrame {
  /** [3] metres */
  center: Float64Array
  /** metres per field unit */
  scale: number
}

/** A signed distance field. Points and distances are in field coordinates; negative inside. */
export interface ImplicitField {
  readonly frame: FieldFrame
  /** [n] of points [n, 3]. */
  sdf(points: Float32Array): Promise<Float32Array>
  /** Distances [n] and their gradients [n, 3], not normalised. */
  sdfAndGradient(points: Float32Array): Promise<{ sdf: Float32Array; gradient: Float32Array }>
}

/** What the crop's pixels see of a surface; arrays are [size, size] row by row. */
export interface FaceView {
  size: number
  /** 1 on the face */
  mask: Uint8Array
  /** metres along the optical axis, NaN elsewhere */
  depth: Float32Array
  /** [size, size, 3] unit normals in the camera frame, 0 elsewhere */
  normals: Float32Array
  /** [size, size, 3] rendered sRGB 0..1, 0 elsewhere */
  colour: Float32Array
}

/** What the photo does not show at the face although it has pixels there. */
export interface Flaws {
  /** [crop.size, crop.size] 1 where no skin is to be seen: burnt out, covered, damaged, or beyond the photo's border. */
  spoilt: Float32Array
  /** Whether other parts of the face may have wrong colours too: what does not look like skin is then none. */
  torn: boolean
}

/** The fitted head as the photo's camera sees it; arrays are [size, size] row by row. */
export interface CoarseMaps {
  /** metres along the optical axis, NaN off the face */
  depth: Float32Array
  /** [size, size, 3] camera frame, 0 off the face */
  normals: Float32Array
  /** 1 where the front-most triangle of the whole head belongs to the face region */
  mask: Uint8Array
}
