import { defineConfig } from 'vitest/config'

// Two cores: one worker at a time leaves the other core to ONNX Runtime's own threads.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    // Many tests hold real processes to real times: what a busy machine made fail passes the second time, what is wrong does not.
    retry: 1,
    pool: 'forks',
  },
})
