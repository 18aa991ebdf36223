/* Generated from schemas/settings.schema.json by `npm run generate`. Do not edit. */

/**
 * Every setting of a reconstruction. The defaults are those of the paper where it states them; presets change a few of them.
 */
export interface Settings {
  /**
   * Seed of all random numbers. Same seed, backend and machine: same result. Default: 0.
   */
  seed: number
  /**
   * What runs the tensor programs: ONNX Runtime (ort-...) compiles them, TensorFlow.js (tfjs-...) runs them op by op. 'auto' takes the fastest that works here; `sider doctor` says which and why. Default: "auto".
   */
  backend:
    | 'auto'
    | 'ort-cpu'
    | 'ort-webgpu'
    | 'ort-cuda'
    | 'tfjs-node-gpu'
    | 'tfjs-node'
    | 'tfjs-webgpu'
    | 'tfjs-wasm'
    | 'tfjs-cpu'
  /**
   * Processor threads of the compute backend and of the engine's own loops; 0 takes all cores. Default: 0.
   */
  threads: number
  photo: PhotoSettings
  head: HeadSettings
  evidence: EvidenceSettings
  /**
   * 'networks': the paper's geometry network, traced and trained with the rendering network. 'relief': the exact distance to the fitted face plus a relief over the photo's pixels, solved with a light and albedo model; much faster, and sharper on a processor. 'neural': both networks of the paper, from the relief on. Default: "networks".
   */
  method: 'networks' | 'relief' | 'neural'
  coarse: CoarseDistanceSettings
  relief: ReliefSettings
  networks: NetworksSettings
  neural: NeuralSettings
  surface: SurfaceSettings
  output: OutputSettings
}
/**
 * Which face of the photo, and the square crop around it that is optimised.
 */
export interface PhotoSettings {
  /**
   * Which face to reconstruct, counted from 0 in the order of `sider faces`; -1 takes the largest. Default: -1.
   */
  face: number
  /**
   * Photos with more pixels than this are refused before they are decoded. (pixels) Default: 100000000.
   */
  maxPixels: number
  /**
   * Side of the square face crop that is optimised; maps and pictures have this resolution. (pixels) Default: 256.
   */
  cropSize: number
}
/**
 * The morphable head and its fit to the landmarks (Eq. 3).
 */
export interface HeadSettings {
  /**
   * 'built-in'; 'gnm', once it was fetched with sider head add gnm; or the path of a GNM Head file, a FLAME file (.pkl, .npz) or an ICT-FaceKit folder. Default: "built-in".
   */
  model: string
  /**
   * Focal length of the photo in photo pixels; 0 takes it from EXIF, or estimates it. (pixels) Default: 0.
   */
  focalPx: number
  /**
   * Strength of the Gaussian prior on identity coefficients: larger keeps the head closer to the mean. Default: 1.
   */
  identityPrior: number
  /**
   * Strength of the Gaussian prior on expression coefficients: larger keeps the face closer to neutral. Default: 1.
   */
  expressionPrior: number
  /**
   * Distance between the pupils that sets the size of the head; 63 mm is the mean of adults. Give your own if it was measured; 0 leaves the size to the head model. (mm) Default: 63.
   */
  ipdMm: number
  /**
   * Expected error of a landmark as a share of the interocular distance: smaller follows the landmarks more closely, against the priors. Default: 0.02.
   */
  landmarkSigma: number
}
/**
 * What a small network, trained on portraits of made-up people, says of the photo. The published method uses none of it.
 */
export interface EvidenceSettings {
  /**
   * How often the head that was fitted to the landmarks is fitted again, to where the network sees that it should go. 0: it stays. Default: 0.
   */
  rounds: number
  /**
   * Whether the network tells skin from hair, glasses, hands, eyes and the open mouth, instead of statistics of colours. Default: false.
   */
  labels: boolean
  /**
   * Price of squared differences between the relief's normals and those that the network sees, weighed by its confidence (method=relief or neural). Default: 0.
   */
  normalWeight: number
  /**
   * Share of the network's normals, where it is sure, in those of the finished surface (method=relief or neural): two independent looks at the photo err less together than either. Default: 0.
   */
  normalShare: number
  /**
   * Price of squared differences between the relief's log albedo and the one that the network sees, up to a constant (method=relief or neural). Default: 0.
   */
  albedoWeight: number
}
/**
 * The exact distance of the fitted face, from which every method starts (Eq. 4).
 */
export interface CoarseDistanceSettings {
  /**
   * ε of Eq. 4: thickness that the open face sheet gets, so that it has an inside. (metres) Default: 0.01.
   */
  thickness: number
}
/**
 * The relief field (method=relief or neural): how the photo is split into light, albedo and shape.
 */
export interface ReliefSettings {
  /**
   * Optimiser steps, each over all pixels. Default: 400.
   */
  steps: number
  /**
   * Adam's learning rate at the start; it decays tenfold. Default: 0.03.
   */
  learningRate: number
  /**
   * Spacing of the finest spline, in crop pixels: the smallest detail that is looked for. (pixels) Default: 2.
   */
  finest: number
  /**
   * Price of a step in log albedo of red, where skin's paint shows least: larger reads more of the photo as shape. Default: 0.3.
   */
  albedoWeight: number
  /**
   * Price of a step in albedo colour, jointly with that of red: where colour changes, brightness may change too. Default: 0.05.
   */
  chromaWeight: number
  /**
   * Price of a step of albedo on brows and lips, as a share of the price elsewhere: they differ from the skin about them by nature. 1 treats them as skin. Default: 0.15.
   */
  paintPrice: number
  /**
   * Weight of the photo's colours on brows, as a share of the weight elsewhere: hairs and their edges would otherwise become ridges. 1 treats them as skin. Default: 0.1.
   */
  browWeight: number
  /**
   * Whether the light that the fitted head hides from itself (eye sockets, the sides of the nose) is reckoned with. Default: true.
   */
  occlusion: boolean
  /**
   * Price of squared log albedo: larger keeps skin the same everywhere, so that light and shape explain broad shades. Default: 0.03.
   */
  albedoSpread: number
  /**
   * λ1 of Eq. 10 for the relief: price of a squared millimetre of it. It holds broad shapes to the fitted head and leaves narrow ones free. Default: 0.001.
   */
  distanceWeight: number
  /**
   * Price of squared slopes against the coarse face: larger stays closer to it. Default: 0.12.
   */
  slopeWeight: number
  /**
   * Price of squared changes of slope from pixel to pixel: larger is smoother. Default: 0.05.
   */
  curvatureWeight: number
}
/**
 * The paper's method (method=networks).
 */
export interface NetworksSettings {
  geometry: GeometryNetworkSettings
  renderer: RendererSettings
  coarse: CoarseTrainingSettings
  detail: DetailTrainingSettings
}
/**
 * The geometry network f: position to signed distance and feature vector.
 */
export interface GeometryNetworkSettings {
  /**
   * Linear layers of the geometry network. Default: 8.
   */
  layers: number
  /**
   * Units of each hidden layer. Default: 512.
   */
  width: number
  /**
   * The layer, counted from 1, that sees the input again; 0 for none. Default: 4.
   */
  skip: number
  /**
   * Length of the feature vector that the renderer reads. Default: 256.
   */
  feature: number
  /**
   * Octaves of the positional encoding of x: sin and cos of 2^k x for k below this. Wrinkles are 1-4 mm wide, so the highest band must reach a wavelength of a few millimetres. Default: 7.
   */
  bands: number
  /**
   * β of the softplus activation log(1 + exp(βx)) / β. Default: 100.
   */
  beta: number
  /**
   * Radius of the sphere that the geometric initialisation starts from, in field units (the face region has radius 1). (field units) Default: 0.6.
   */
  initialRadius: number
}
/**
 * The colour network g: position, normal, view direction and feature to RGB. The two switches are the paper's ablations (Fig. 4).
 */
export interface RendererSettings {
  /**
   * Linear layers of the renderer. Default: 4.
   */
  layers: number
  /**
   * Units of each hidden layer. Default: 512.
   */
  width: number
  /**
   * Octaves of the positional encoding of the view direction. Default: 4.
   */
  viewBands: number
  /**
   * Whether the renderer sees the geometry network's feature vector γ. Default: true.
   */
  useFeature: boolean
  /**
   * Whether the renderer sees the surface normal n. Default: true.
   */
  useNormal: boolean
}
/**
 * The coarse stage: the field learns the signed distance of the fitted face (Eqs. 4-7).
 */
export interface CoarseTrainingSettings {
  /**
   * Optimiser steps. Default: 1000.
   */
  steps: number
  /**
   * Points in a step. Default: 4096.
   */
  batch: number
  /**
   * Adam's learning rate; it falls to a tenth over the last half. Default: 0.0005.
   */
  learningRate: number
  /**
   * λ of Eq. 7: weight of (‖∇f‖ - 1)². Default: 0.1.
   */
  eikonalWeight: number
  /**
   * Standard deviation of the training points about the mesh. (metres) Default: 0.005.
   */
  sampleSigma: number
}
/**
 * The detail stage: field and renderer learn the photo together (Eqs. 8-10).
 */
export interface DetailTrainingSettings {
  /**
   * Passes over all face pixels, unless the loss stops falling before. Default: 250.
   */
  epochs: number
  /**
   * Rays in a step. Default: 2048.
   */
  rays: number
  /**
   * Points near the surface in a step, for the distance and eikonal terms; `sdfWeight` 0 leaves out the first. Default: 1024.
   */
  points: number
  /**
   * Adam's learning rate at the start. Default: 0.0001.
   */
  learningRate: number
  /**
   * Adam's learning rate in the last epoch; it decays exponentially in between. Equal to the first: constant, as in the paper. Default: 0.0001.
   */
  learningRateEnd: number
  /**
   * λ1 of Eq. 10: weight of |f(x) - SDF_GT(x)|, which holds the face to the coarse one. Default: 1.
   */
  sdfWeight: number
  /**
   * λ2 of Eq. 10: weight of (‖∇f‖ - 1)². Default: 0.1.
   */
  eikonalWeight: number
  /**
   * Stop when the loss has not fallen by the tolerance for this many epochs; 0 never stops early. (epochs) Default: 20.
   */
  plateauEpochs: number
  /**
   * Relative fall of the loss that counts as falling. Default: 0.001.
   */
  plateauTolerance: number
  /**
   * Most evaluations of the field a ray may take to find the surface. Default: 16.
   */
  traceSteps: number
}
/**
 * Both networks of the paper, from the relief on (method=neural).
 */
export interface NeuralSettings {
  /**
   * Optimiser steps after those of the relief. Default: 600.
   */
  steps: number
  /**
   * Rays in a step. Default: 4096.
   */
  rays: number
  /**
   * Adam's learning rate at the start; it decays tenfold. Default: 0.002.
   */
  learningRate: number
  /**
   * λ1 of Eq. 10: price of the distance from the relief's surface, in field units. Default: 0.
   */
  distanceWeight: number
  /**
   * λ2 of Eq. 10: weight of (‖∇f‖ - 1)². Default: 0.1.
   */
  eikonalWeight: number
  /**
   * Price of the distance between normals and those that learned evidence expects, weighed by its confidence. Default: 0.05.
   */
  normalWeight: number
  /**
   * Share of the networks' normals in those of the finished surface, where the photo shows skin; the rest are the relief's and learned evidence's. Default: 0.4.
   */
  share: number
  geometry: GeometryNetworkSettings1
  renderer: RendererSettings1
}
/**
 * The geometry network: position to distance from the relief's surface and feature vector.
 */
export interface GeometryNetworkSettings1 {
  /**
   * Linear layers of the geometry network. Default: 4.
   */
  layers: number
  /**
   * Units of each hidden layer. Default: 128.
   */
  width: number
  /**
   * Length of the feature vector γ, if the renderer reads it. Default: 8.
   */
  feature: number
  /**
   * Octaves of the positional encoding of x: sin and cos of 2^k x for k below this, all of the same amplitude. Default: 7.
   */
  bands: number
  /**
   * β of the softplus activation log(1 + exp(βx)) / β. Default: 20.
   */
  beta: number
}
/**
 * The colour network: position, normal, view direction and feature to RGB.
 */
export interface RendererSettings1 {
  /**
   * Linear layers of the renderer. Default: 3.
   */
  layers: number
  /**
   * Units of each hidden layer. Default: 128.
   */
  width: number
  /**
   * Octaves of the positional encoding of x that the renderer sees. With few it cannot paint wrinkles, so they become shape. Default: 2.
   */
  bands: number
  /**
   * Whether the renderer sees the geometry network's feature vector γ. It lets the renderer remember the photo pixel by pixel, and then less becomes shape. Default: false.
   */
  useFeature: boolean
  /**
   * Whether the renderer sees the surface normal n. Default: true.
   */
  useNormal: boolean
}
/**
 * The meshes and textures that are made of the detailed field.
 */
export interface SurfaceSettings {
  /**
   * 'head': the head model's topology moved onto the detailed field, with maps and shape keys. 'surface': the field's own surface, evenly meshed, without shape keys. 'both': face.glb holds the head, surface.glb the surface. Default: "head".
   */
  mesh: 'head' | 'surface' | 'both'
  /**
   * How often the triangles of the head model's face are quartered for the mesh 'head'; those of the rest of the head are once, unless this is 0. The detail that the mesh cannot hold is in its normal and displacement maps. Default: 1.
   */
  subdivisions: number
  /**
   * Side of the textures: 1024, 2048, 4096 or another power of two (others are rounded up); 0 takes what the photo needs, from 1024 to 4096. (pixels) Default: 0.
   */
  textureSize: number
  /**
   * Whether the albedo is the photo's colour divided by the light that was found (relief fields only), so that the asset can be lit anew. Otherwise the photo's colours are the albedo. Default: true.
   */
  delight: boolean
  /**
   * Whether the mesh 'head' gets shape keys (glTF morph targets) for jaw, lids, brows, mouth and cheeks. Default: true.
   */
  shapeKeys: boolean
  /**
   * 'arkit' are ARKit's 52 blend shapes and nothing else. 'model' are the head model's own expressions, and one that leads to the neutral face (with neutralize: to the photo's). Head models without the units that ARKit's are made of have their own in any case. Default: "arkit".
   */
  keys: 'arkit' | 'model'
  /**
   * Whether the mesh 'head' gets lashes: small cards with hairs along the lids, which go with the lids' keys. Default: true.
   */
  lashes: boolean
  /**
   * Whether the mesh 'head' gets cards with hairs over the brows that the photo has painted on the skin. They suit dense brows; faint ones get patches. Default: false.
   */
  brows: boolean
  /**
   * Whether the scalp is painted with close-cropped hair in the colour of the hair that the photo shows, behind the photo's hairline. Where the photo shows no hair, or hides it under a hat, the head stays bald. Needs learned labels (evidence.labels). Default: true.
   */
  scalp: boolean
  /**
   * Whether ears that the photo does not show are painted as ears are, redder than cheeks and darker in their folds; otherwise they have the tone of the skin beside them. Default: true.
   */
  ears: boolean
  /**
   * Whether the mesh 'head' is brought to a neutral expression, with shut lips and eyes that look straight ahead. Default: false.
   */
  neutralize: boolean
  /**
   * Cells along the longest side of the face from which the mesh 'surface' is extracted. Default: 256.
   */
  resolution: number
}
/**
 * What is written.
 */
export interface OutputSettings {
  /**
   * Whether the intermediates of every stage are written too. Default: false.
   */
  dump: boolean
  /**
   * A checkpoint every so often, from which an interrupted run goes on. (seconds) Default: 30.
   */
  checkpointEvery: number
  /**
   * For what program the head is made: each changes the defaults of some other settings, and how meshes are written. 'arkit' is for Blender, three.js and any glTF program; 'vrm' writes face.vrm for avatars; 'unreal' for Unreal Engine; 'metahuman' for Mesh to MetaHuman; 'headshot' for Character Creator; 'faceit' for Faceit in Blender. All but 'arkit' are neutral, with shut lips. Default: "arkit".
   */
  profile: 'arkit' | 'vrm' | 'unreal' | 'metahuman' | 'headshot' | 'faceit'
  /**
   * 'none' opens everywhere. 'quantize' stores 16-bit positions and 8-bit normals (KHR_mesh_quantization: Blender, three.js and all common viewers read it). 'meshopt' packs them further (EXT_meshopt_compression: three.js with its decoder; Blender from 5.2). Default: "none".
   */
  compression: 'none' | 'quantize' | 'meshopt'
  /**
   * Whether face.obj and face.mtl are written, with the same textures. Default: false.
   */
  obj: boolean
  /**
   * Whether face.ply is written, with normals and colours of the vertices. Default: false.
   */
  ply: boolean
  /**
   * Whether face.usdz is written, for Apple's viewers and USD pipelines. Default: false.
   */
  usdz: boolean
  /**
   * Samples along each side of the signed distance grid that is written. Default: 128.
   */
  sdfGrid: number
  /**
   * A snapshot (mesh, distance grid, pictures) every so often while training, if anybody listens. (seconds) Default: 20.
   */
  snapshotEvery: number
}
