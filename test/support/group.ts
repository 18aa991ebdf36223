/**
 * The faces of a group photo of 100x100 pixels, for every client: their places in it are the order of their numbers, the largest
 * first, which is neither from left to right nor back.
 */
export const GROUP_FACES = [
  { x: 40, y: 30, width: 30, height: 40 },
  { x: 75, y: 20, width: 20, height: 25 },
  { x: 5, y: 50, width: 15, height: 20 },
]
