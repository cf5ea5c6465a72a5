import { Check, Monitor, Moon, Sun, type LucideIcon } from 'lucide-react'
import { Button } from '../ui/controls'
import { Icon } from '../ui/icon'
import { ActionMenu } from '../ui/menu'
import { setTheme, useTheme, type Theme } from '../theme'

const THEMES: ReadonlyArray<{ id: Theme, label: string, icon: LucideIcon }> = [
  { id: 'light', label: 'Light', icon: Sun },
  { id: 'dark', label: 'Dark', icon: Moon },
  { id: 'system', label: 'As the system', icon: Monitor }
]

export function ThemeSwitch () {
  const theme = useTheme()
  const now = THEMES.find(each => each.id === theme)
  return (
    <ActionMenu label="Theme"
      trigger={<Button look="quiet" iconOnly aria-label={`Theme: ${now?.label ?? ''}`}><Icon of={now?.icon ?? Monitor} /></Button>}
      actions={THEMES.map(each => ({
        id: each.id,
        label: each.id === theme ? `${each.label} (now)` : each.label,
        icon: each.id === theme ? Check : each.icon,
        onAction: () => { setTheme(each.id) }
      }))} />
  )
}
