/**
 * MediaPipe's face mesh by name: index lists into the 478 points. Right and left are the subject's: the right eye is on the
 * picture's left.
 */

/**
 * [68] the iBUG landmarks as the face mesh has them: one point, or the middle between two. (Inner face: checked against true iBUG
 * points of rendered heads with open and closed mouths and eyes.)
 */
// biome-ignore format: one number a line says nothing
const IBUG68_FROM_478: readonly (number | readonly [number, number])[] = [
  162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 70, 63, 105, 66, 107, 336, 296,
  334, 293, 300, [168, 6], [197, 195], 5, 4, [98, 75], 97, 2, 326, [327, 305], 33, 160, 158, 133, 153, [144, 163],
  362, 385, 387, 263, [373, 390], 380, 61, [40, 39], 37, 0, 267, [270, 269], 291, [405, 321], [314, 405], 17,
  [84, 181], [181, 91], 78, 81, 13, 311, 308, 402, 14, 178,
]

/** How many landmarks iBUG's layout has. */
export const IBUG_COUNT = IBUG68_FROM_478.length

/** Face mesh points whose middle is the i-th iBUG landmark; one or two. */
export function ibugSources(i: number): readonly number[] {
  const from = IBUG68_FROM_478[i]
  return typeof from === 'number' ? [from] : from
}

/**
 * The iBUG 68 of face mesh points.
 *
 * @param points [478, 2]
 * @returns [68, 2]
 */
export function ibugPoints(points: ArrayLike<number>): Float64Array {
  const out = new Float64Array(2 * IBUG_COUNT)
  for (let i = 0; i < IBUG_COUNT; i++) {
    const from = ibugSources(i)
    for (const source of from) for (const k of [0, 1]) out[2 * i + k] += points[2 * source + k] / from.length
  }
  return out
}

/** Of the subject. */
export type Side = 'Left' | 'Right'

/** Lid contours, in order around the eye. */
export const RIGHT_EYE: readonly number[] = [
  33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
]
export const LEFT_EYE: readonly number[] = [
  263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
]

/** Brows: the upper edge from the temple to the nose, then the lower edge likewise. */
export const RIGHT_BROW: readonly number[] = [70, 63, 105, 66, 107, 46, 53, 52, 65, 55]
export const LEFT_BROW: readonly number[] = [300, 293, 334, 296, 336, 276, 283, 282, 295, 285]

/** Outer edge of the lips, in order around the mouth. */
export const LIPS_OUTER: readonly number[] = [
  61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
]

/** Inner edge of the lips, in order around the opening. */
export const LIPS_INNER: readonly number[] = [
  78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
]

/** Border of the mesh, from the top of the forehead clockwise in the picture. */
export const FACE_OVAL: readonly number[] = [
  10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136,
  172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]

/** Outer eye corners. */
export const RIGHT_EYE_OUTER = 33
export const LEFT_EYE_OUTER = 263
/** Inner eye corners. */
export const RIGHT_EYE_INNER = 133
export const LEFT_EYE_INNER = 362

/** Irises: centre, then the right, top, left and bottom edge as the picture shows them. */
export const RIGHT_IRIS: readonly number[] = [468, 469, 470, 471, 472]
export const LEFT_IRIS: readonly number[] = [473, 474, 475, 476, 477]

/** Irises by side: +1 is the subject's left. */
export const IRISES = [
  [-1, RIGHT_IRIS],
  [1, LEFT_IRIS],
] as const

/** The same contours for the iBUG 68 layout. */
export const RIGHT_EYE_68: readonly number[] = [36, 37, 38, 39, 40, 41]
export const LEFT_EYE_68: readonly number[] = [42, 43, 44, 45, 46, 47]
export const LIPS_INNER_68: readonly number[] = [60, 61, 62, 63, 64, 65, 66, 67]
const LIPS_OUTER_68: readonly number[] = [48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]
const RIGHT_BROW_68: readonly number[] = [17, 18, 19, 20, 21]
const LEFT_BROW_68: readonly number[] = [22, 23, 24, 25, 26]

/** The closed contours of eyes, brows and mouth by layout. The 68 landmarks have only the upper edge of the brows. */
export const CONTOURS = {
  478: {
    eyes: [RIGHT_EYE, LEFT_EYE],
    mouth: LIPS_INNER,
    brows: [around(RIGHT_BROW), around(LEFT_BROW)],
    lips: LIPS_OUTER,
  },
  68: {
    eyes: [RIGHT_EYE_68, LEFT_EYE_68],
    mouth: LIPS_INNER_68,
    brows: [RIGHT_BROW_68, LEFT_BROW_68],
    lips: LIPS_OUTER_68,
  },
} as const

/** A brow's upper edge, and back along the lower one. */
function around(brow: readonly number[]): number[] {
  return [...brow.slice(0, 5), ...brow.slice(5).reverse()]
}

/** Rings of the lips between the outer and the inner edge, in order around the mouth. */
export const LIPS_BETWEEN: readonly (readonly number[])[] = [
  [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 307, 320, 404, 315, 16, 85, 180, 90, 77],
  [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 325, 319, 403, 316, 15, 86, 179, 89, 96],
]

/** A closed curve through landmarks; they mark it, but loosely along it, save for its corners. */
export interface Curve {
  points: readonly number[]
  corners: readonly number[]
}

/** The curves that lids and lips make, by layout. */
export const CURVES: Readonly<Record<68 | 478, readonly Curve[]>> = {
  478: [
    { points: RIGHT_EYE, corners: [33, 133] },
    { points: LEFT_EYE, corners: [263, 362] },
    { points: LIPS_OUTER, corners: [61, 291] },
    { points: LIPS_BETWEEN[0], corners: [76, 306] },
    { points: LIPS_BETWEEN[1], corners: [62, 292] },
    { points: LIPS_INNER, corners: [78, 308] },
  ],
  68: [
    { points: RIGHT_EYE_68, corners: [36, 39] },
    { points: LEFT_EYE_68, corners: [42, 45] },
    { points: LIPS_OUTER_68, corners: [48, 54] },
    { points: LIPS_INNER_68, corners: [60, 64] },
  ],
}

/**
 * The upper and the lower lip, by layout: their curves from the outer edge inwards, without the corners, which belong to both. Those of
 * the 68 landmarks are the edges alone.
 */
export const LIPS: Readonly<Record<68 | 478, readonly (readonly (readonly number[])[])[]>> = {
  478: lips([LIPS_OUTER, ...LIPS_BETWEEN, LIPS_INNER]),
  68: lips([LIPS_OUTER_68, LIPS_INNER_68]),
}

/** Closed curves that start at a corner and run over the upper lip first. */
function lips(curves: readonly (readonly number[])[]): number[][][] {
  return [
    curves.map((points) => points.slice(1, points.length / 2)),
    curves.map((points) => points.slice(points.length / 2 + 1)),
  ]
}

/** An opening between an upper and a lower border. */
export interface Opening {
  between: 'lids' | 'lips'
  /** Points of the two borders that meet when it shuts. */
  pairs: readonly (readonly [upper: number, lower: number])[]
}

/** Both eyes and the mouth, by layout. */
export const OPENINGS: Readonly<Record<68 | 478, readonly Opening[]>> = {
  478: [
    { between: 'lids', pairs: opposites(RIGHT_EYE) },
    { between: 'lids', pairs: opposites(LEFT_EYE) },
    { between: 'lips', pairs: opposites(LIPS_INNER) },
  ],
  68: [
    { between: 'lids', pairs: opposites(RIGHT_EYE_68) },
    { between: 'lids', pairs: opposites(LEFT_EYE_68) },
    { between: 'lips', pairs: opposites(LIPS_INNER_68) },
  ],
}

/** Pairs of a closed curve that starts at a corner and runs over the upper half first. */
function opposites(curve: readonly number[]): [number, number][] {
  const half = curve.length / 2
  return Array.from({ length: half - 1 }, (_, k) => [curve[k + 1], curve[curve.length - 1 - k]])
}

/**
 * Face mesh points of the attention network's 71 eye points, for the right eye: the first 16 are the lid contour, the others lie
 * around the eye up to the brow. (Checked against the plain mesh's own points on open and closed eyes.)
 */
export const ATTENTION_EYE: readonly number[] = [
  33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26, 112, 243,
  247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124,
  46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
]

/**
 * Face mesh points of the attention network's 80 lip points: four rings (outer edge, inner edge, and two between them), each its lower
 * half with both corners and then its upper half. (Checked against the plain mesh's own points.)
 */
export const ATTENTION_LIPS: readonly number[] = [
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14,
  317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415, 76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306,
  184, 74, 73, 72, 11, 302, 303, 304, 408, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268,
  271, 272, 407,
]

/** Points on the symmetry plane of the face mesh. */
export const MIDLINE: readonly number[] = [
  0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
]

/**
 * [478] the point on the other side of the face. The mesh numbers the right half first and the left half, from 248 on, in
 * the same order. (Checked by matching the network's output on faces and on their mirror images.) The irises' right edge
 * becomes the other one's left edge.
 */
export const MIRROR_478: readonly number[] = mirrorMap()

function mirrorMap(): number[] {
  const map = new Array<number>(478)
  let left = 248
  for (let i = 0; i < 248; i++) {
    map[i] = MIDLINE.includes(i) ? i : left++
    map[map[i]] = i
  }
  const across = [0, 3, 2, 1, 4]
  for (const [i, point] of RIGHT_IRIS.entries()) {
    map[point] = LEFT_IRIS[across[i]]
    map[map[point]] = point
  }
  return map
}
