import { defineConfig } from 'vitest/config'
import react from '@vitejs/plugin-react'

// TENANTSEAL_DEV_SERVER names the service that the development server passes requests on to; one
// signs in as usual.
const service = {
  target: process.env['TENANTSEAL_DEV_SERVER'] ?? 'http://127.0.0.1:8080',
  changeOrigin: false // The service compares Host with Origin.
}

export default defineConfig({
  plugins: [react()],
  build: {
    // The content security policy admits no data: URLs for scripts, styles and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false
  },
  server: { host: '127.0.0.1', proxy: { '/api/': service, '/login': service, '/healthz': service } },
  test: { include: ['src/**/*.test.ts'] }
})
