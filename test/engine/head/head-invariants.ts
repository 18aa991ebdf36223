import { expect } from 'vitest'
import type { HeadModel } from '../../../src/engine/stages.js'

/** What a head model must satisfy whatever its source. */
export function checkInvariants(m: HeadModel): void {
  const vertices = m.mean.length / 3
  const triangles = m.indices.length / 3
  expect(m.identity.length).toBe(m.identityCount * vertices * 3)
  expect(m.expression.length).toBe(m.expressionCount * vertices * 3)
  expect(m.expressionNames).toHaveLength(m.expressionCount)
  expect(m.expressionSigma).toHaveLength(m.expressionCount)
  expect(m.expressionRange).toHaveLength(2 * m.expressionCount)
  expect(m.faceRegion).toHaveLength(triangles)
  expect(m.parts).toHaveLength(vertices)
  expect(m.indices.every((v) => v < vertices)).toBe(true)
  for (const field of [m.mean, m.identity, m.expression]) expect(field.every(Number.isFinite)).toBe(true)
  expect(m.uvIndices?.length ?? m.indices.length).toBe(m.indices.length)
  for (const [embedding, n] of [
    [m.landmarks68, 68],
    [m.landmarks478, 478],
  ] as const) {
    expect(embedding.triangles).toHaveLength(n)
    expect(embedding.triangles.every((t) => t < triangles)).toBe(true)
    for (let i = 0; i < n; i++) {
      const b = embedding.barycentric.subarray(3 * i, 3 * i + 3)
      // a head without eyeballs has no irises
      const lacking = i >= 468 && m.landmarkWeights478[i] === 0
      expect(b[0] + b[1] + b[2]).toBeCloseTo(lacking ? 0 : 1, 4)
      expect(Math.min(...b)).toBeGreaterThan(-1e-4)
    }
  }
  const { skinning } = m
  if (!skinning) return
  const joints = skinning.joints.length
  expect(skinning.joints.every(({ parent }, j) => parent < j)).toBe(true)
  expect(skinning.weights).toHaveLength(vertices * joints)
  expect(skinning.rest.mean).toHaveLength(3 * joints)
  expect(skinning.rest.identity).toHaveLength(3 * joints * m.identityCount)
  expect(skinning.rest.expression).toHaveLength(3 * joints * m.expressionCount)
}
