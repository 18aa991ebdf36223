/** The PyTorch peer as a process that takes orders line by line (bench/peers/idr.py). */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface PeerAbout {
  torch: string
  threads: number
  build: string[]
}

export interface PeerSteps {
  seconds: number[]
  tracing: number[]
  loss: number[]
}

export class PeerProcess {
  private readonly child: ChildProcess
  private readonly answers: AsyncIterator<string>

  /** @param python an interpreter that has PyTorch */
  constructor(python: string, problem: string, settings: string, threads: number) {
    const script = fileURLToPath(new URL('peers/idr.py', import.meta.url))
    this.child = spawn(python, [script, problem, settings, '--threads', String(threads)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) },
    })
    this.answers = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
  }

  private async answer<T>(): Promise<T> {
    const { value, done } = await this.answers.next()
    if (done) throw new Error('the peer ended: does this Python have PyTorch and NumPy? (--python, or PEER_PYTHON)')
    return JSON.parse(value) as T
  }

  about(): Promise<PeerAbout> {
    return this.answer()
  }

  coarse(steps: number): Promise<{ seconds: number; error: number }> {
    return this.order({ do: 'coarse', steps })
  }

  steps(steps: number): Promise<PeerSteps> {
    return this.order({ do: 'steps', steps })
  }

  private order<T>(order: object): Promise<T> {
    this.child.stdin!.write(`${JSON.stringify(order)}\n`)
    return this.answer()
  }

  quit(): void {
    this.child.stdin!.end(`${JSON.stringify({ do: 'quit' })}\n`)
  }
}
