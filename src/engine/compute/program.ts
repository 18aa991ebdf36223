/**
 * What a tensor program is, whoever runs it. A program is a function written in tfjs ops over named float32 tensors of
 * fixed shapes. It may read and replace variables, which live on the device between runs (weights, optimiser state).
 */
import type { Tensor } from '@tensorflow/tfjs-core'

export type Shape = readonly number[]
export type Shapes = Readonly<Record<string, Shape>>
export type Tensors = Record<string, Tensor>
/** Host-side contents by name, flat and row-major. */
export type Arrays = Record<string, Float32Array>

/** The program proper: called once to trace it, or at every run when executed eagerly. Must not keep tensors. */
export type Body = (inputs: Tensors, variables: Tensors) => { outputs: Tensors; updates?: Tensors }

export interface Program {
  /** For error messages, profiles and caches. */
  name: string
  inputs: Shapes
  body: Body
}

/** An array with its shape: what files keep. */
export interface ShapedArray {
  shape: number[]
  /** Row-major. */
  data: Float32Array
}

/** What variables begin with. */
export type Initial = Record<string, ShapedArray>

/** Named device-resident tensors that programs share. */
export interface Variables {
  readonly shapes: Shapes
  /** Copies to the host; all, or the named ones. */
  read(names?: readonly string[]): Promise<Arrays>
  /** Replaces contents from the host; names absent from `values` are kept. */
  write(values: Arrays): void
  dispose(): void
}

/** A program made ready for one device and one set of variables. */
export interface Executable {
  /**
   * Runs once. `feeds` must hold every input; the result holds every output. Updates are applied to the variables.
   * @throws SiderError COMPUTE_FAILED
   */
  run(feeds: Arrays): Promise<Arrays>
  /** Matrix work of one run in floating-point operations; undefined when executed eagerly. */
  readonly matrixFlops: number | undefined
  dispose(): Promise<void>
}

/** A place to compute: ONNX Runtime on some provider, or an eager tfjs backend. */
export interface Device {
  readonly name: string
  variables(initial: Record<string, { shape: Shape; data: Float32Array }>): Variables
  /** Only the variables that the body touches are fed. */
  compile(program: Program, variables?: Variables): Promise<Executable>
  dispose(): Promise<void>
}

/** Contents that were read, with the shapes of their variables. */
export function withShapes(arrays: Arrays, { shapes }: Variables): Record<string, ShapedArray> {
  return Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, { shape: [...shapes[name]], data }]))
}

/** Undoes `withShapes`. */
export function withoutShapes(arrays: Record<string, ShapedArray>): Arrays {
  return Object.fromEntries(Object.entries(arrays).map(([name, { data }]) => [name, data]))
}

/** @throws Error when a feed is missing or of the wrong length (a programming error). */
export function checkFeeds(program: Program, feeds: Arrays): void {
  for (const [name, shape] of Object.entries(program.inputs)) {
    const expected = shape.reduce((a, b) => a * b, 1)
    const got = feeds[name]?.length
    if (got !== expected) throw new Error(`${program.name}: input ${name} has ${got ?? 'no'} numbers, not ${expected}`)
  }
}
