/** An S3 server as a process of its own (moto, from PyPI), behind something that makes it slow, full, read-only or absent. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { freePort, MISSING as NO_REDIS } from './machines.js'

const PROGRAM = fileURLToPath(new URL('../../../.cache/moto/bin/moto_server', import.meta.url))

export const MISSING =
  NO_REDIS ?? (existsSync(PROGRAM) ? undefined : 'moto is not installed in .cache/moto (.ci/run does that)')

const BUCKET = 'sider-faces'

export class StorageServer {
  trouble: 'none' | 'away' | 'full' | 'read-only' | 'slow' = 'none'
  readonly address = `s3://${BUCKET}/some/prefix`

  private constructor(
    private readonly moto: ChildProcess,
    private readonly front: Server,
    private readonly client: S3Client,
    private readonly before: Record<string, string | undefined>,
  ) {}

  /** @param checksKeys whether requests need keys that somebody was given; there are none such */
  static async start({ checksKeys = false } = {}): Promise<StorageServer> {
    const port = await freePort()
    // The first request, which makes the bucket, needs none.
    const env = { ...process.env, ...(checksKeys && { INITIAL_NO_AUTH_ACTION_COUNT: '1' }) }
    const moto = spawn(PROGRAM, ['-H', '127.0.0.1', '-p', `${port}`], { stdio: 'ignore', env })
    for (;;) {
      if (await fetch(`http://127.0.0.1:${port}/moto-api/data.json`).catch(() => undefined)) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    let server: StorageServer | undefined
    const front = createServer((incoming, answer) => {
      const trouble = server?.trouble
      if (trouble === 'away') return incoming.destroy()
      const refused = trouble === 'full' ? [507, 'InsufficientStorage'] : [403, 'AccessDenied']
      if ((trouble === 'full' || trouble === 'read-only') && incoming.method !== 'GET' && incoming.method !== 'HEAD') {
        incoming.resume()
        answer.writeHead(refused[0] as number, { 'content-type': 'application/xml' })
        answer.end(`<?xml version="1.0"?><Error><Code>${refused[1]}</Code><Message>no</Message></Error>`)
        return
      }
      const { url, method, headers } = incoming
      setTimeout(
        () => {
          const forward = request({ host: '127.0.0.1', port, path: url, method, headers }, (back) => {
            answer.writeHead(back.statusCode!, back.headers)
            back.pipe(answer)
          })
          forward.on('error', () => answer.destroy())
          incoming.pipe(forward)
        },
        trouble === 'slow' ? 400 : 0,
      )
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    const wanted: Record<string, string> = {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    }
    const before = Object.fromEntries(Object.keys(wanted).map((name) => [name, process.env[name]]))
    Object.assign(process.env, wanted)
    const client = new S3Client({ region: 'us-east-1', forcePathStyle: true })
    server = new StorageServer(moto, front, client, before)
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
    return server
  }

  /** Names of the objects of a job. */
  async stored(job: string): Promise<string[]> {
    const Prefix = `some/prefix/jobs/${job}/`
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix }))
    return Contents.map(({ Key }) => Key!.slice(Prefix.length)).sort()
  }

  end(): void {
    for (const [name, value] of Object.entries(this.before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    this.client.destroy()
    this.front.closeAllConnections()
    this.front.close()
    this.moto.kill('SIGKILL')
  }
}
