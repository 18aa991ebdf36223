/** What of a brow in the photo is hair. */
import { smoothstep } from '../geometry/smoothstep.js'
import { brightness } from '../image/colors.js'
import { broadMean } from './broad-mean.js'

/** Logarithms of brightness over that of the skin beside it: at the first and below it is hair, from the second on skin. */
const [HAIR, SKIN] = [-0.25, -0.05]
/** How far skin lies beside a brow, share of the crop. */
const BESIDE = 0.03
const DARKEST = 0.02

/**
 * [size, size] 0..1 of brows: their labels reach over the skin beside them, which would be left in its light as paint is, a bright line
 * about each brow. What is as bright as the skin beside it is skin.
 *
 * @param brows [size, size] 0..1 @param image [size, size, 3] sRGB @param skin [size, size] 1 on bare skin
 */
export function browHair(
  brows: Float32Array,
  { image, skin, size }: { image: Float32Array; skin: Float32Array; size: number },
): Float32Array {
  const beside = broadMean(image, skin, size, BESIDE * size)
  const light = (colours: Float32Array, i: number): number => Math.max(DARKEST, brightness(colours, 3 * i))
  return brows.map((share, i) => {
    if (share === 0 || beside[3 * i] === 0) return share
    return share * (1 - smoothstep(HAIR, SKIN, Math.log(light(image, i) / light(beside, i))))
  })
}
