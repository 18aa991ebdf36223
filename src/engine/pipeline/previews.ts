/** The face while it is being optimised, for whoever looks: pictures, a mesh, a coarse distance grid. */
import type { FaceEvidence } from '../evidence/face-evidence.js'
import type { Inspector } from '../inspect.js'
import type { Solver } from '../methods/method.js'
import { boundaryFalloff } from '../surface/boundary-falloff.js'
import { faceBounds } from '../surface/bounds.js'
import { denseFace } from '../surface/dense-face.js'
import { PreviewGrid } from '../surface/preview-grid.js'
import { type PreviewScene, previewMesh } from '../surface/preview-mesh.js'

/** Near the region's border the detail of previews fades into the fitted head over this distance, metres. */
const FADE = 0.006
/** Triangles of previews, at least. */
const TRIANGLES = 10_000
/** Samples along a preview's distance grid. */
const SAMPLES = 25

export class Previews {
  private scene: PreviewScene | undefined
  private grid: PreviewGrid | undefined

  constructor(
    private readonly inspector: Inspector,
    private readonly evidence: FaceEvidence,
  ) {}

  /** Records the present state as far as anybody wants it. */
  async record(solver: Solver, step: number): Promise<void> {
    const { inspector } = this
    if (['normals', 'render', 'mesh'].some((name) => inspector.wants(name))) {
      const view = await solver.view()
      const { size, normals, colour } = view
      const image = { kind: 'image' as const, width: size, height: size }
      inspector.record('normals', () => ({ ...image, data: normals, range: [-1, 1] }), step)
      inspector.record('render', () => ({ ...image, data: colour, range: [0, 1] }), step)
      inspector.record('mesh', () => ({ kind: 'mesh', mesh: previewMesh(this.sceneOfFace(), view) }), step)
    }
    if (inspector.wants('sdf')) {
      const field = await solver.field()
      const { low, high } = faceBounds(this.evidence.fit)
      this.grid ??= new PreviewGrid(field.frame, low, high, SAMPLES)
      inspector.record('sdf', { kind: 'sdf', grid: await this.grid.sample(field) }, step)
    }
  }

  private sceneOfFace(): PreviewScene {
    const { fit, coarse } = this.evidence
    if (!this.scene) {
      const mesh = denseFace(fit.mesh, fit.model, TRIANGLES)
      this.scene = { mesh, weight: boundaryFalloff(mesh, FADE), camera: fit.camera, crop: fit.crop, coarse }
    }
    return this.scene
  }
}
