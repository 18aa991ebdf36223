/** Numbers of NumPy files, where nothing else is expected. */
import { numbersIn, readNpy, readNpz } from '../../src/engine/formats/npy.js'
import type { NumericArray } from '../../src/engine/formats/numeric-array.js'

export const npyNumbers = (file: Uint8Array): NumericArray => numbersIn(readNpy(file))

/** All arrays, by name. */
export function npzNumbers(file: Uint8Array): Record<string, NumericArray> {
  const { names, get } = readNpz(file)
  return Object.fromEntries(names.map((name) => [name, numbersIn(get(name)!)]))
}
