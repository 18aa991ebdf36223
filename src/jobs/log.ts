/** Structured log: one JSON object a line. */
type Fields = Record<string, unknown>

export class Log {
  constructor(private readonly write: (line: string) => void) {}

  info(event: string, fields: Fields = {}): void {
    this.line('info', event, fields)
  }

  warning(event: string, fields: Fields = {}): void {
    this.line('warning', event, fields)
  }

  error(event: string, fields: Fields = {}): void {
    this.line('error', event, fields)
  }

  private line(level: string, event: string, fields: Fields): void {
    try {
      this.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`)
    } catch {
      // A log that cannot be written, on a full disk say, must end nothing.
    }
  }
}
