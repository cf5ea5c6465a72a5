import { CloudOff, FlaskConical } from 'lucide-react'
import { Icon } from '../ui/icon'

export function OfflineBanner () {
  return (
    <div className="banner bad" role="alert">
      <Icon of={CloudOff} />
      <span><strong>The service does not answer.</strong> What is shown may be old; nothing you change is sent until it is back. Trying again by itself.</span>
    </div>
  )
}

export function EmulatedBanner ({ page }: { page: string | null }) {
  return (
    <aside className="banner warn" aria-label="Emulated AWS">
      <Icon of={FlaskConical} />
      <span><strong>Emulated AWS.</strong> Keys here live in a local emulator of AWS KMS, for trying things out. Keep no data that matters under them.{page && <> <a href={page} target="_blank" rel="noopener noreferrer">Open the emulator’s page</a></>}</span>
    </aside>
  )
}
