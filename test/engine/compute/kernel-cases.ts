/** One small program for each way in which a kernel of the tracer is used; test/engine/compute/compute.test.ts runs them both ways. */
import * as tf from '@tensorflow/tfjs-core'
import type { Arrays, Body, Shapes } from '../../../src/engine/compute/program.js'
import { Rng } from '../../../src/engine/geometry/rng.js'

export interface KernelCase {
  /** The tfjs kernel that must be among those that run. */
  kernel: string
  name: string
  inputs: Shapes
  body: Body
  /** Interval of the random input. */
  range: [number, number]
}

type Op = (...tensors: never[]) => tf.Tensor | tf.Tensor[]

function one(kernel: string, name: string, shapes: number[][], op: Op, range: [number, number] = [-2, 2]): KernelCase {
  const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, shape]))
  const body: Body = (tensors) => {
    const result = op(...(Object.keys(inputs).map((key) => tensors[key]) as never[]))
    const list = Array.isArray(result) ? result : [result]
    return { outputs: Object.fromEntries(list.map((t, i) => [`y${i}`, tf.cast(t, 'float32')])) }
  }
  return { kernel, name, inputs, body, range }
}

type T = tf.Tensor
type T2 = tf.Tensor2D

const unary = (kernel: string, op: (x: T) => T, range?: [number, number]): KernelCase =>
  one(kernel, 'elementwise', [[3, 4]], op as Op, range)

const binary = (kernel: string, op: (a: T, b: T) => T, range?: [number, number]): KernelCase[] =>
  [
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], [4]],
    [
      [3, 1],
      [1, 4],
    ],
    [[], [2, 3, 4]],
  ].map(([a, b]) => one(kernel, `[${a}] with [${b}]`, [a, b], op as Op, range)) // prettier-ignore

const positive: [number, number] = [0.2, 3]
/** Values that repeat, so that equality happens. */
const coarse = (x: T): T => tf.floor(x)
const positiveOnly = (x: T): T => tf.greater(x, 0)

const reduction = (kernel: string, op: (x: T, axis?: number | number[], keep?: boolean) => T): KernelCase[] => [
  one(kernel, 'everything', [[3, 4, 2]], ((x: T) => op(x)) as Op),
  one(kernel, 'one axis', [[3, 4, 2]], ((x: T) => op(x, 1)) as Op),
  one(kernel, 'two axes, kept', [[3, 4, 2]], ((x: T) => op(x, [0, -1], true)) as Op),
  one(kernel, 'an axis of 1', [[3, 1]], ((x: T) => op(x, 1)) as Op),
]

const product = (name: string, a: number[], b: number[], ta: boolean, tb: boolean): KernelCase =>
  one('BatchMatMul', name, [a, b], ((x: T2, y: T2) => tf.matMul(x, y, ta, tb)) as Op)

export const KERNEL_CASES: KernelCase[] = [
  ...binary('Add', tf.add),
  ...binary('Sub', tf.sub),
  ...binary('Multiply', tf.mul),
  ...binary('RealDiv', tf.div, positive),
  ...binary('Maximum', tf.maximum),
  ...binary('Minimum', tf.minimum),
  ...binary('SquaredDifference', tf.squaredDifference),
  ...binary('Pow', tf.pow, positive),
  ...binary('Greater', (a, b) => tf.greater(coarse(a), coarse(b))),
  ...binary('GreaterEqual', (a, b) => tf.greaterEqual(coarse(a), coarse(b))),
  ...binary('Less', (a, b) => tf.less(coarse(a), coarse(b))),
  ...binary('LessEqual', (a, b) => tf.lessEqual(coarse(a), coarse(b))),
  ...binary('Equal', (a, b) => tf.equal(coarse(a), coarse(b))),
  ...binary('LogicalAnd', (a, b) => tf.logicalAnd(positiveOnly(a), positiveOnly(b))),
  ...binary('LogicalOr', (a, b) => tf.logicalOr(positiveOnly(a), positiveOnly(b))),
  unary('LogicalNot', (x) => tf.logicalNot(positiveOnly(x))),
  unary('Neg', tf.neg),
  unary('Abs', tf.abs),
  unary('Sqrt', tf.sqrt, positive),
  unary('Rsqrt', tf.rsqrt, positive),
  unary('Square', tf.square),
  unary('Exp', tf.exp),
  unary('Log', tf.log, positive),
  unary('Sin', tf.sin, [-9, 9]),
  unary('Cos', tf.cos, [-9, 9]),
  unary('Tanh', tf.tanh),
  unary('Sigmoid', tf.sigmoid, [-20, 20]),
  unary('Relu', tf.relu),
  unary('Sign', tf.sign),
  unary('Floor', tf.floor),
  unary('Reciprocal', tf.reciprocal, positive),
  unary('Softplus', tf.softplus, [-60, 60]),
  one('Step', 'gradient of relu', [[9]], ((x: T) => tf.grad((t: T) => tf.sum(tf.relu(t)))(x)) as Op),
  one('Step', 'with a value for the negative', [[9]], ((x: T) => tf.step(x, -0.5)) as Op),
  unary('ClipByValue', (x) => tf.clipByValue(x, -0.5, 1)),
  one(
    'AddN',
    'three',
    [
      [3, 4],
      [3, 4],
      [3, 4],
    ],
    ((a: T, b: T, c: T) => tf.addN([a, b, c])) as Op,
  ), // prettier-ignore
  one(
    'Select',
    'by a comparison',
    [
      [3, 4],
      [3, 4],
    ],
    ((a: T, b: T) => tf.where(tf.less(a, b), a, b)) as Op,
  ), // prettier-ignore
  unary('Identity', (x) => tf.clone(x)),
  one('Cast', 'to integers: towards zero', [[9]], ((x: T) => tf.cast(x, 'int32')) as Op),
  one('Cast', 'to truth values', [[9]], ((x: T) => tf.cast(tf.floor(x), 'bool')) as Op),
  one('Reshape', 'with an open dimension', [[3, 4]], ((x: T) => tf.reshape(tf.reshape(x, [12]), [2, -1])) as Op),
  one('ExpandDims', 'before', [[3, 4]], ((x: T) => tf.expandDims(x, 0)) as Op),
  one('ExpandDims', 'from the end', [[3, 4]], ((x: T) => tf.expandDims(x, -1)) as Op),
  one('Fill', 'added', [[3, 4]], ((x: T) => tf.add(x, tf.fill([3, 4], 1.5))) as Op),
  unary('ZerosLike', (x) => tf.add(tf.zerosLike(x), tf.sum(x))),
  unary('OnesLike', (x) => tf.add(tf.onesLike(x), x)),
  one('Transpose', 'three axes', [[2, 3, 4]], ((x: T) => tf.transpose(x, [2, 0, 1])) as Op),
  one('Tile', 'repeats', [[2, 3]], ((x: T) => tf.tile(x, [2, 2])) as Op),
  one('Tile', 'broadcasts', [[1, 3]], ((x: T) => tf.tile(x, [4, 1])) as Op),
  one(
    'Concat',
    'last axis',
    [
      [2, 3],
      [2, 1],
    ],
    ((a: T2, b: T2) => tf.concat([a, b], -1)) as Op,
  ), // prettier-ignore
  one('Slice', 'a block', [[4, 5]], ((x: T) => tf.slice(x, [1, 2], [2, -1])) as Op),
  one('SplitV', 'equal parts', [[4, 6]], ((x: T) => tf.split(x, 3, 1)) as Op),
  one('SplitV', 'given sizes', [[4, 6]], ((x: T) => tf.split(x, [1, 3, 2], -1)) as Op),
  one('PadV2', 'with zeros', [[2, 3]], ((x: T) =>
    tf.pad(x, [
      [1, 0],
      [0, 2],
    ])) as Op), // prettier-ignore
  one('PadV2', 'with a number', [[2, 3]], ((x: T) =>
    tf.pad(
      x,
      [
        [1, 2],
        [3, 0],
      ],
      -4,
    )) as Op), // prettier-ignore
  one('GatherV2', 'rows', [[5, 2]], ((x: T) => tf.gather(x, tf.tensor1d([4, 0, 0, 2], 'int32'))) as Op),
  one('GatherV2', 'columns', [[2, 5]], ((x: T) => tf.gather(x, tf.tensor1d([4, 1], 'int32'), 1)) as Op),
  ...reduction('Sum', tf.sum),
  ...reduction('Mean', tf.mean),
  ...reduction('Max', tf.max),
  ...reduction('Min', tf.min),
  product('plain', [3, 4], [4, 5], false, false),
  product('first turned', [4, 3], [4, 5], true, false),
  product('second turned', [3, 4], [5, 4], false, true),
  product('both turned', [4, 3], [5, 4], true, true),
  product('in stacks', [2, 3, 4], [2, 4, 5], false, false),
  product('in stacks, turned', [2, 4, 3], [2, 5, 4], true, true),
  product('one for a stack', [2, 3, 4], [1, 4, 5], false, false),
]

/** The same numbers at every call, inside `range` and away from its middle by chance only. */
export function randomFeeds(inputs: Shapes, [low, high]: [number, number]): Arrays {
  const rng = new Rng(17)
  return Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1)
      return [name, Float32Array.from({ length: size }, () => rng.uniform(low, high))]
    }),
  )
}
