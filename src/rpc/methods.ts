/** What each method does. Params have been validated by the schemas; results go to the client as they are. */
import { rm } from 'node:fs/promises'
import {
  checkGiven,
  DEFAULT_PRESET,
  PRESETS,
  resolveSettings,
  SETTINGS_SCHEMA,
  type Settings,
  SiderError,
  VERSION,
} from '../engine/index.js'
import { type ImageInput, type Methods, PROTOCOL_VERSION } from '../generated/protocol.js'
import { OPENRPC } from '../jobs/document.js'
import type { JobEngine } from '../jobs/engine.js'
import { type Photo, photoOf } from '../jobs/photo.js'
import type { FaceService } from './faces/service.js'
import { PART_BYTES } from './frames.js'
import type { ServerOptions } from './options.js'
import type { MethodName } from './protocol.js'
import type { Session } from './session.js'

/** What methods work with. */
export interface MethodContext {
  session: Session
  engine: JobEngine
  faces: FaceService
  options: ServerOptions
}

type Handlers = {
  [M in MethodName]: (
    params: Methods[M]['params'],
    context: MethodContext,
  ) => Methods[M]['result'] | Promise<Methods[M]['result']>
}

/** Largest artifact that is sent as base64 in one message. */
const BASE64_LIMIT = 16 * 1024 * 1024

export const METHODS: Handlers = {
  initialize({ protocol, token, client, capabilities }, { session, options }) {
    if (protocol !== PROTOCOL_VERSION) {
      const message = `the server speaks version ${PROTOCOL_VERSION} of the protocol, the client version ${protocol}`
      throw new SiderError(
        'VERSION',
        `${message}: ${protocol < PROTOCOL_VERSION ? 'the client' : 'the server'} is too old`,
        {
          data: { protocol: PROTOCOL_VERSION },
        },
      )
    }
    session.open(token, client, capabilities?.delivery ?? 'binary')
    return {
      protocol: PROTOCOL_VERSION,
      server: { name: 'sider', version: VERSION },
      session: session.id,
      limits: {
        photoBytes: options.photoBytes,
        messageBytes: options.messageBytes,
        partBytes: PART_BYTES,
        requestsPerSecond: options.requestsPerSecond,
        queuedJobs: options.maxQueued,
      },
      presets: Object.entries(PRESETS).map(([name, preset]) => ({ name, ...preset })),
      defaultPreset: DEFAULT_PRESET,
      settings: SETTINGS_SCHEMA as unknown as Record<string, unknown>,
    }
  },

  ping: () => ({ time: Date.now() }),

  'rpc.discover': () => OPENRPC as unknown as Methods['rpc.discover']['result'],

  'upload/begin': ({ bytes, sha256 }, { session }) => session.uploads.begin(bytes, sha256),

  'face/find': ({ image }, context) =>
    withPhoto(image, context, ({ content }) => {
      const settings = clientSettings(DEFAULT_PRESET, {}, context.options.maxPixels)
      return context.faces.ask('find', { photo: content, settings })
    }),

  'face/fit': ({ preset = DEFAULT_PRESET, settings, ...ask }, { faces, options }) =>
    faces.ask('fit', { ...ask, settings: clientSettings(preset, settings, options.maxPixels) }),

  'job/create': ({ image, preset = DEFAULT_PRESET, settings, ...rest }, context) =>
    withPhoto(image, context, (photo) => {
      const { session, engine, options } = context
      const resolved = clientSettings(preset, settings, options.maxPixels)
      checkGiven(rest.landmarks, rest.corrections)
      return engine.create(session.owner, { photo, preset, settings: resolved, ...rest })
    }),

  'job/get': ({ job }, { session, engine }) => engine.get(session.owner, job),

  'job/list': (params, { session, engine }) => engine.list(session.owner, params),

  'job/cancel': ({ job, keep = false }, { session, engine }) => engine.cancel(session.owner, job, keep),

  'job/pause': ({ job }, { session, engine }) => engine.pause(session.owner, job),

  'job/resume': ({ job }, { session, engine }) => engine.resume(session.owner, job),

  'job/input': ({ job, face }, { session, engine }) => engine.answer(session.owner, job, face),

  'job/result': ({ job }, { session, engine }) => engine.result(session.owner, job),

  async 'job/delete'({ job }, { session, engine }) {
    session.unsubscribe(job)
    await engine.delete(session.owner, job)
    return { job }
  },

  async 'job/subscribe'({ job: id, after, kinds, minIntervalMs = 0 }, { session, engine }) {
    const job = await session.subscribe(engine, id, { after, kinds, minIntervalMs })
    return { job, seq: job.seq }
  },

  async 'job/unsubscribe'({ job }, { session, engine }) {
    await engine.get(session.owner, job)
    session.unsubscribe(job)
    return { job }
  },

  async 'artifact/get'({ job, artifact: id, delivery }, { session, engine }) {
    const { artifact, ...source } = await engine.artifact(session.owner, job, id)
    if ((delivery ?? session.delivery) === 'base64' && artifact.bytes > BASE64_LIMIT) {
      source.end?.()
      throw new SiderError('TOO_LARGE', `the artifact has ${artifact.bytes} bytes: ask for binary delivery`)
    }
    return session.deliver(job, artifact, delivery, source)
  },
}

/** Does something with a client's photo; an upload is over then, and its file gone unless a job has it. @throws SiderError TOO_LARGE */
async function withPhoto<T>(
  image: ImageInput,
  { session, options }: MethodContext,
  work: (photo: Photo) => Promise<T>,
): Promise<T> {
  const photo =
    'upload' in image ? session.uploads.take(image.upload) : await photoOf(Buffer.from(image.base64, 'base64'))
  try {
    if (photo.bytes > options.photoBytes) {
      throw new SiderError('TOO_LARGE', `the photo has ${photo.bytes} bytes; the limit is ${options.photoBytes}`)
    }
    return await work(photo)
  } finally {
    if (typeof photo.content === 'string') await rm(photo.content, { force: true })
  }
}

/** What a client's settings come to on this server. @throws SiderError USAGE */
function clientSettings(preset: string, overrides: Record<string, unknown> = {}, maxPixels: number): Settings {
  const settings = resolveSettings({ preset, overrides })
  if (settings.head.model !== 'built-in') {
    throw new SiderError('USAGE', 'head.model is not the built-in head, and clients cannot name files of the server')
  }
  return { ...settings, photo: { ...settings.photo, maxPixels: Math.min(settings.photo.maxPixels, maxPixels) } }
}
