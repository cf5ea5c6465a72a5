import { defineConfig } from 'vitest/config'
import react from '@vitejs/plugin-react'
import { devSession } from './dev/session.ts'

// TENANTSEAL_DEV_SERVER names the service that the development server passes requests on to.
const service = process.env['TENANTSEAL_DEV_SERVER'] ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react(), devSession()],
  build: {
    // The content security policy admits no data: URLs for scripts, styles and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false
  },
  server: { host: '127.0.0.1', proxy: { '/api/': service, '/login': service, '/healthz': service } },
  test: { include: ['src/**/*.test.ts'] }
})
