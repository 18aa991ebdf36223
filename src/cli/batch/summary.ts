/** The table of a batch, as CSV and as Parquet, row by row. */
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { outputError } from '../../engine/system/files.js'
import type { Row } from '../../jobs/batch/journal.js'

interface Column {
  name: string
  type: 'STRING' | 'DOUBLE'
  of(row: Row): string | number | undefined
  /** Digits after the point in CSV. */
  digits?: number
}

const quality = (name: string): Column => ({ name, type: 'DOUBLE', of: (row) => number(row.quality?.[name]) })

const COLUMNS: Column[] = [
  { name: 'photo', type: 'STRING', of: ({ name }) => name },
  { name: 'state', type: 'STRING', of: ({ state }) => state },
  { name: 'backend', type: 'STRING', of: ({ backend }) => backend },
  { name: 'seconds', type: 'DOUBLE', of: ({ seconds }) => seconds && total(seconds), digits: 1 },
  ...['landmarkRmsRelative', 'psnr', 'trustedShare'].map(quality),
  { name: 'error', type: 'STRING', of: ({ error }) => error?.name },
  { name: 'message', type: 'STRING', of: ({ error }) => error?.message },
  { name: 'folder', type: 'STRING', of: ({ state, folder }) => (state === 'completed' ? folder : undefined) },
]

/** Rows that are in memory together. */
const GROUP = 5000

/** @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE */
export async function writeCsv(file: string, rows: AsyncIterable<Row>): Promise<void> {
  await whole(file, async (write) => {
    await write(line(COLUMNS.map(({ name }) => name)))
    for await (const row of rows) {
      await write(
        line(
          COLUMNS.map(({ of, digits }) => {
            const value = of(row)
            return typeof value === 'number' && digits !== undefined ? value.toFixed(digits) : value
          }),
        ),
      )
    }
  })
}

/** @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE */
export async function writeParquet(file: string, rows: AsyncIterable<Row>): Promise<void> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer')
  const columns = (group: Row[]) =>
    COLUMNS.map(({ name, type, of }) => ({ name, type, nullable: true, data: group.map((row) => of(row) ?? null) }))
  await whole(file, async (write) => {
    const bytes = new ByteWriter()
    const flush = async () => {
      await write(Uint8Array.from(bytes.getBytes()))
      bytes.index = 0
    }
    const writer = Object.assign(bytes, { flush })
    const parquet = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: columns([]) }) })
    const add = async (group: Row[]) => parquet.write({ columnData: columns(group), rowGroupSize: GROUP })
    let group: Row[] = []
    for await (const row of rows) {
      if (group.push(row) < GROUP) continue
      await add(group)
      group = []
    }
    if (group.length > 0) await add(group)
    await parquet.finish()
    await flush()
  })
}

/** A file that is written bit by bit, and counts once all of it is there. */
async function whole(file: string, fill: (write: (part: string | Uint8Array) => Promise<void>) => Promise<void>) {
  const temporary = `${file}.tmp`
  try {
    const handle = await open(temporary, 'w')
    try {
      const parts: (string | Uint8Array)[] = []
      let size = 0
      const flush = async () => {
        await handle.appendFile(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))))
        parts.length = 0
        size = 0
      }
      await fill(async (part) => {
        parts.push(part)
        size += part.length
        if (size > 1 << 18) await flush()
      })
      await flush()
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    throw outputError(cause, file)
  }
}

const line = (values: (string | number | undefined)[]): string => `${values.map(cell).join(',')}\n`

function cell(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const total = (seconds: Record<string, unknown>): number =>
  Object.values(seconds).reduce((sum: number, value) => sum + Number(value), 0)

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

export const summaryFiles = (out: string) => ({
  csv: join(out, 'summary.csv'),
  parquet: join(out, 'summary.parquet'),
})
