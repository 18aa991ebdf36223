/**
 * Google's GNM Head (Generative aNthropometric Model, version 3; Apache-2.0): what its files have in common.
 *
 *   vertices = template + Σ identity_i · I_i + Σ expression_j · E_j, then linear blend skinning about
 *   joints   = template joints + Σ identity_i · J_i        (expressions do not move joints)
 *
 * Where each fact is from. The weights themselves could not be had when this was written (files of such size are not in the
 * copies of public repositories that were at hand), so what is said here is read out of code, not measured:
 *
 * - names and shapes of the arrays, the two equations, LBS, R - I of all joints as the arguments of pose correctives, metres:
 *   google/GNM, gnm/shape/gnm_data_schema.py, gnm_xnp.py, gnm_common.py, gnm_data_loader.py, README.md, and their tests
 * - 17,821 vertices, 35,324 triangles; 253 identity components (170 head_, 3 eyes_, 80 teeth_), 383 expression components
 *   (100 left_eye_region_, 100 right_eye_region_, 150 lower_face_region_, tongue_mean and 31 tongue_, 1 pupils_), coefficients
 *   N(0, 1); joints neck, head, left_eye, right_eye: README.md, gnm_numpy_test.py, and public programs that check them on the file
 * - +X the subject's left, +Y up, +Z out of the face, the origin at the base of the neck, triangles counter-clockwise: the same
 *   programs (some export to glTF as it is); a group's mean x in google/GNM#75
 * - each vertex is of one of the components skin, left_eye, right_eye, upper_teeth_and_gums, lower_teeth_and_gums, tongue, as
 *   vertex groups of these names say: gnm_numpy_test.py. The group mouth_sock (part of skin) is the mouth's lining; eyes have an
 *   inner layer (eye_interiors: sclera, iris, pupil) and the cornea's shell about it (eye_exteriors); groups teeth and gums overlap
 *   a little: visualization/vertex_colors.py, and programs that measured it
 * - v of texture coordinates counts upwards, in layouts of their own for skin, teeth, tongue, inner and outer eyes, each in the
 *   unit square, the eyes' on top of each other: README.md, "UV Mapping", and test_eye_uvs_not_flipped
 * - version 3.0's pose correctives are all zero: google/xrblocks, export_gnm_web.py, and programs that check it
 *
 * Not verified on the weights: anything above; that the built-in head is laid over this model's face as well as over others;
 * and how well it fits photos. docs/heads.md tells how to check a copy.
 */
import { invalidHead } from '../../formats/pickle-values.js'

export const GNM_HINT =
  'Use the unchanged gnm_head.npz of GNM Head 3 (sider head add gnm fetches it), or a GNMW container made of it.'

/** Displacements [count, vertices, 3], one component at a time: quantised files stay small in memory. */
export interface Basis {
  count: number
  names: string[]
  /** [vertices, 3] metres a unit of coefficient k; valid until the next call. */
  row(k: number): Float32Array
}

export interface GnmJoints {
  names: string[]
  /** Index of the parent; the root's own or a negative number at the root. */
  parents: ArrayLike<number>
  /** [joints, 3] */
  positions: Float32Array
  /** [identity, joints, 3] */
  identity: Float32Array
  /** [joints, vertices] */
  weights: Float32Array
  /** [9 joints, vertices, 3], or undefined where there are none. */
  correctives: Float32Array | undefined
}

/** A model as its file has it, with all of GNM's vertices. Metres, GNM's frame. */
export interface GnmData {
  /** What kind of file, for the report. */
  source: string
  /** [vertices, 3] */
  template: Float32Array
  /** [triangles, 3] */
  triangles: Uint32Array
  identity: Basis
  expression: Basis
  /** [triangles, 3, 2] v upwards */
  uv: Float32Array | undefined
  /** [vertices] name of each vertex's component; undefined where the file does not say. */
  component: ((vertex: number) => string) | undefined
  /** [vertices] of the vertices that belong to a named group; undefined where the file has no such group. */
  group(name: string): Uint8Array | undefined
  joints: GnmJoints | undefined
  /** iBUG's points, if the file has them. */
  landmarks: GnmLandmarks | undefined
}

/** iBUG's 68 points, each a weighted mean of three vertices. */
export interface GnmLandmarks {
  /** [68, 3] */
  vertices: ArrayLike<number>
  /** [68, 3] */
  weights: ArrayLike<number>
}

/** Checks that all hold before they are relied on. @throws SiderError HEAD_INVALID */
export function checkData(data: GnmData, path: string): void {
  const vertices = data.template.length / 3
  const fail = (what: string): never => {
    throw invalidHead(path, what, GNM_HINT)
  }
  if (vertices === 0 || data.triangles.length === 0) fail('no vertices or triangles')
  if (!data.template.every(Number.isFinite)) fail('positions that are not finite')
  if (!data.triangles.every((v) => v < vertices)) fail('triangles name vertices that do not exist')
  if (data.uv && !data.uv.every(Number.isFinite)) fail('texture coordinates that are not finite')
  const { joints } = data
  if (joints) {
    const { parents, names } = joints
    if (!names.every((_, j) => parents[j] < Math.max(j, 1))) fail('a joint comes before its parent')
    for (const numbers of [joints.positions, joints.identity, joints.weights, joints.correctives ?? []])
      if (!numbers.every(Number.isFinite)) fail('joints that are not finite')
  }
}
