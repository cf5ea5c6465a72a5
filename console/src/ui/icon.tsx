import type { LucideIcon } from 'lucide-react'

// Beside a text, so nothing for a screen reader.
export function Icon ({ of: Of }: { of: LucideIcon }) {
  return <Of className="icon" aria-hidden="true" focusable="false" />
}
