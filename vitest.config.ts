import { defineConfig } from 'vitest/config'

// Two cores: one worker at a time leaves the other core to ONNX Runtime's own threads.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    pool: 'forks',
  },
})
