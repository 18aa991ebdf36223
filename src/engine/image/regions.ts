/** Areas that hang together in a mask. */

/** Areas of a mask. */
export interface Regions {
  /** [height, width] number of the area that a pixel belongs to, 0 off the mask. */
  region: Uint32Array
  /** Pixels of each area; [0] is 0. */
  areas: number[]
}

/** Numbers the areas of a mask [height, width]: pixels hang together with those above, below and beside them. */
export function connectedRegions(mask: ArrayLike<number>, width: number): Regions {
  const region = new Uint32Array(mask.length)
  const areas = [0]
  const stack: number[] = []
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i] || region[i]) continue
    const own = areas.push(0) - 1
    const push = (k: number): void => {
      if (!mask[k] || region[k]) return
      region[k] = own
      stack.push(k)
    }
    push(i)
    for (let k = stack.pop(); k !== undefined; k = stack.pop()) {
      areas[own]++
      const column = k % width
      if (column > 0) push(k - 1)
      if (column < width - 1) push(k + 1)
      push(k - width)
      push(k + width)
    }
  }
  return { region, areas }
}
