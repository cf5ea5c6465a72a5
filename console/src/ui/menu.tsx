import type { ReactNode } from 'react'
import { Menu, MenuItem, MenuTrigger, Text } from 'react-aria-components'
import { Ellipsis, type LucideIcon } from 'lucide-react'
import { Button, Pop } from './controls'
import { Icon } from './icon'

export interface MenuAction {
  id: string
  label: string
  icon: LucideIcon
  onAction: () => void
  danger?: boolean
  disabledBecause?: string | undefined // Shown under the label.
  detail?: string
}

interface ActionMenuProps { label: string, actions: readonly MenuAction[], trigger?: ReactNode }

export function ActionMenu ({ label, actions, trigger }: ActionMenuProps) {
  return (
    <MenuTrigger>
      {trigger ?? <Button look="quiet" iconOnly aria-label={label}><Icon of={Ellipsis} /></Button>}
      <Pop placement="bottom end">
        <Menu className="menu" aria-label={label}
          onAction={id => { actions.find(action => action.id === id)?.onAction() }}>
          {actions.map(action => (
            <MenuItem key={action.id} id={action.id} textValue={action.label}
              isDisabled={action.disabledBecause !== undefined}
              className={`menu-item${action.danger ? ' danger' : ''}`}>
              <Icon of={action.icon} />
              <Text slot="label" className="label">
                {action.label}
                {(action.disabledBecause ?? action.detail) && <span className="why"> {action.disabledBecause ?? action.detail}</span>}
              </Text>
            </MenuItem>
          ))}
        </Menu>
      </Pop>
    </MenuTrigger>
  )
}
