/**
 * A bucket of an S3-compatible storage. Keys, region and endpoint are those of the AWS SDK: AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL_S3, its files and the roles of machines.
 */
import type * as sdk from '@aws-sdk/client-s3'
import { SiderError } from '../../engine/index.js'
import type { Storage } from './storage.js'

/** Time for a connection, and for a storage that says nothing, milliseconds. */
const [CONNECT_MS, SILENT_MS] = [5000, 30_000]
const ATTEMPTS = 4
/** Objects that one request may delete. */
const DELETED_AT_ONCE = 1000

export class S3Storage implements Storage {
  readonly place: string

  private constructor(
    private readonly s3: typeof sdk,
    private readonly client: sdk.S3Client,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {
    this.place = `the bucket ${bucket}`
  }

  /** @throws SiderError USAGE if the package is not installed */
  static async open(bucket: string, prefix: string): Promise<S3Storage> {
    const s3 = await import('@aws-sdk/client-s3').catch((cause) => {
      throw new SiderError('USAGE', 'a storage of the kind s3 needs the package @aws-sdk/client-s3', {
        hint: { cli: 'Install it beside this program: npm install @aws-sdk/client-s3' },
        cause,
      })
    })
    const elsewhere = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL']
    const client = new s3.S3Client({
      ...(!process.env['AWS_REGION'] && { region: 'us-east-1' }),
      // Others than Amazon seldom have a host name for each bucket.
      forcePathStyle: elsewhere !== undefined,
      maxAttempts: ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: SILENT_MS, throwOnRequestTimeout: true },
    })
    return new S3Storage(s3, client, bucket, prefix)
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.ask(() => this.client.send(new this.s3.PutObjectCommand({ ...this.at(key), Body: bytes })))
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.found(async () => {
      const { Body } = await this.client.send(new this.s3.GetObjectCommand(this.at(key)))
      return Body!.transformToByteArray()
    })
  }

  async read(key: string, start: number, end: number): Promise<Uint8Array> {
    const part = await this.found(async () => {
      const Range = `bytes=${start}-${end - 1}`
      const { Body } = await this.client.send(new this.s3.GetObjectCommand({ ...this.at(key), Range }))
      return Body!.transformToByteArray()
    })
    if (part?.length !== end - start) throw new SiderError('ARTIFACT_GONE')
    return part
  }

  async size(key: string): Promise<number | undefined> {
    const head = await this.found(() => this.client.send(new this.s3.HeadObjectCommand(this.at(key))))
    return head?.ContentLength
  }

  async remove(key: string): Promise<void> {
    if (!key.endsWith('/')) {
      await this.ask(() => this.client.send(new this.s3.DeleteObjectCommand(this.at(key))))
      return
    }
    const { Bucket, Key: Prefix } = this.at(key)
    for (let more = true; more; ) {
      const list = await this.ask(() =>
        this.client.send(new this.s3.ListObjectsV2Command({ Bucket, Prefix, MaxKeys: DELETED_AT_ONCE })),
      )
      const Objects = (list.Contents ?? []).map(({ Key }) => ({ Key: Key! }))
      if (Objects.length > 0) {
        const Delete = { Objects, Quiet: true }
        const { Errors } = await this.ask(() => this.client.send(new this.s3.DeleteObjectsCommand({ Bucket, Delete })))
        if (Errors?.length) throw this.error({ message: Errors[0].Message ?? 'deleting failed', name: Errors[0].Code })
      }
      more = list.IsTruncated === true
    }
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix === '' ? key : `${this.prefix}/${key}` }
  }

  /** undefined if there is no such object. */
  private async found<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.ask(async () => {
      try {
        return await work()
      } catch (error) {
        const { name } = error as Error
        if (name === 'NoSuchKey' || name === 'NotFound') return undefined
        throw error
      }
    })
  }

  private async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.error(error)
    }
  }

  private error(cause: unknown): SiderError {
    const { name, message, code } = cause as { name?: string; message?: string; code?: string }
    const said = [code ?? name, message].filter((one) => one).join(': ')
    return new SiderError('STORAGE_UNAVAILABLE', `${this.place} cannot be used: ${said || String(cause)}`, {
      data: { reason: code ?? name },
      cause,
    })
  }
}
