/** What each method does. Params have been validated by the schemas; results go to the client as they are. */
import { open, rm, stat } from 'node:fs/promises'
import { DEFAULT_PRESET, PRESETS, SETTINGS_SCHEMA, VERSION } from '../engine/index.js'
import { RpcError } from './errors.js'
import type { FaceService } from './faces/service.js'
import { PART_BYTES } from './frames.js'
import type { Artifact, ImageInput, Methods } from './generated/protocol.js'
import { type Photo, photoOf } from './jobs/photo.js'
import type { JobQueue } from './jobs/queue.js'
import type { ServerOptions } from './options.js'
import { type MethodName, OPENRPC, PROTOCOL_VERSION } from './protocol.js'
import type { Session } from './session.js'

/** What methods work with. */
export interface MethodContext {
  session: Session
  queue: JobQueue
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
    if (protocol !== PROTOCOL_VERSION)
      throw new RpcError('VERSION', undefined, { detail: { protocol: PROTOCOL_VERSION } })
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
      const settings = context.queue.settingsOf(DEFAULT_PRESET)
      return context.faces.ask('find', { photo: content, settings })
    }),

  'face/fit': ({ preset, settings, ...ask }, { queue, faces }) =>
    faces.ask('fit', { ...ask, settings: queue.settingsOf(preset ?? DEFAULT_PRESET, settings) }),

  'job/create': ({ image, preset, ...rest }, context) =>
    withPhoto(image, context, (photo) => {
      const { queue, session } = context
      const wanted = { photo, preset: preset ?? DEFAULT_PRESET, ...rest } as Parameters<typeof queue.create>[1]
      return queue.create(session.owner, wanted)
    }),

  'job/get': ({ job }, { session, queue }) => queue.view(queue.entry(session.owner, job)),

  'job/list': (params, { session, queue }) => queue.list(session.owner, params),

  async 'job/cancel'({ job, keep = false }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    await queue.cancel(entry, keep)
    return queue.view(entry)
  },

  async 'job/pause'({ job }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    await queue.pause(entry)
    return queue.view(entry)
  },

  async 'job/resume'({ job }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    await queue.resume(entry)
    return queue.view(entry)
  },

  async 'job/input'({ job, face }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    await queue.answer(entry, face)
    return queue.view(entry)
  },

  'job/result': ({ job }, { session, queue }) => queue.result(queue.entry(session.owner, job)),

  async 'job/delete'({ job }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    session.unsubscribe(job)
    await queue.delete(entry)
    return { job }
  },

  'job/subscribe'({ job, after, kinds, minIntervalMs = 0 }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    const answer = { job: queue.view(entry), seq: entry.events.seq }
    session.subscribe(entry, { after, kinds, minIntervalMs })
    return answer
  },

  'job/unsubscribe'({ job }, { session, queue }) {
    queue.entry(session.owner, job)
    session.unsubscribe(job)
    return { job }
  },

  async 'artifact/get'({ job, artifact: id, delivery }, { session, queue }) {
    const entry = queue.entry(session.owner, job)
    const preview = entry.events.preview(id)
    if (preview) {
      const { artifact } = preview.params as { artifact: Artifact }
      const payload = preview.payload!
      return session.deliver(job, artifact, delivery, { read: (start, end) => payload.subarray(start, end) })
    }
    const path = queue.resultFile(entry, id)
    const artifact = entry.record.result?.files.find((file) => file.id === id)
    if (path === undefined || !artifact || (await stat(path).catch(() => undefined))?.size !== artifact.bytes) {
      throw new RpcError('ARTIFACT_GONE')
    }
    if ((delivery ?? session.delivery) === 'base64' && artifact.bytes > BASE64_LIMIT) {
      throw new RpcError('TOO_LARGE', `the artifact has ${artifact.bytes} bytes: ask for binary delivery`)
    }
    const handle = await open(path)
    return session.deliver(job, artifact, delivery, {
      async read(start, end) {
        const part = Buffer.alloc(end - start)
        await handle.read(part, 0, part.length, start)
        return part
      },
      end: () => void handle.close(),
    })
  },
}

/** Does something with a client's photo; an upload is over then, and its file gone unless a job has it. @throws RpcError TOO_LARGE */
async function withPhoto<T>(
  image: ImageInput,
  { session, options }: MethodContext,
  work: (photo: Photo) => Promise<T>,
): Promise<T> {
  const photo =
    'upload' in image ? session.uploads.take(image.upload) : await photoOf(Buffer.from(image.base64, 'base64'))
  try {
    if (photo.bytes > options.photoBytes) {
      throw new RpcError('TOO_LARGE', `the photo has ${photo.bytes} bytes; the limit is ${options.photoBytes}`)
    }
    return await work(photo)
  } finally {
    if (typeof photo.content === 'string') await rm(photo.content, { force: true })
  }
}
