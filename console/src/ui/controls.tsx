import type { ReactNode } from 'react'
import {
  Button as AriaButton, Checkbox as AriaCheckbox, FieldError, Input, Label, ListBox, ListBoxItem,
  Popover, Select as AriaSelect, SelectValue, Text, TextArea, TextField, type ButtonProps, type PopoverProps
} from 'react-aria-components'
import { Check, ChevronDown } from 'lucide-react'
import { Icon } from './icon'

type Look = 'plain' | 'primary' | 'danger' | 'quiet'

interface ActionProps extends Omit<ButtonProps, 'className' | 'children'> {
  look?: Look
  iconOnly?: boolean
  children: ReactNode
}

// A button that is pending keeps its place and its focus, says so, and does nothing more.
export function Button ({ look = 'plain', iconOnly, children, isPending = false, onPress, ...rest }: ActionProps) {
  return (
    <AriaButton {...rest} {...(isPending ? { 'data-pending': true } : onPress ? { onPress } : {})}
      className={`button ${look}${iconOnly ? ' icon-only' : ''}`}>
      {isPending && <span className="spinner" role="img" aria-label="Working:" />}
      {children}
    </AriaButton>
  )
}

interface TextProps {
  label: string
  name: string
  value: string
  onChange: (value: string) => void
  error?: string | undefined
  hint?: ReactNode
  hintLook?: 'good' | 'warn' | undefined
  optional?: boolean
  mono?: boolean
  multiline?: boolean
  type?: 'text' | 'password' | 'url' | 'datetime-local' | 'number'
  placeholder?: string
  autoFocus?: boolean
  autoComplete?: string
  isDisabled?: boolean
  maxLength?: number
}

export function TextInput (props: TextProps) {
  const { label, error, hint, hintLook, optional, mono, multiline, type = 'text', placeholder } = props
  const className = `input${mono ? ' mono' : ''}`
  return (
    <TextField className="field" name={props.name} value={props.value} onChange={props.onChange}
      isInvalid={error !== undefined && error !== ''} validationBehavior="aria" type={type === 'number' ? 'text' : type}
      autoFocus={props.autoFocus ?? false} autoComplete={props.autoComplete ?? 'off'}
      isDisabled={props.isDisabled ?? false} {...(props.maxLength ? { maxLength: props.maxLength } : {})}>
      <Label>{label}{optional && <span className="optional"> (optional)</span>}</Label>
      {multiline
        ? <TextArea className={className} placeholder={placeholder ?? ''} spellCheck={!mono} />
        : <Input className={className} placeholder={placeholder ?? ''} spellCheck={false}
            inputMode={type === 'number' ? 'numeric' : undefined} />}
      {hint && !error && <span className={`hint ${hintLook ?? ''}`} aria-live="polite">{hint}</span>}
      <FieldError className="field-error">{error}</FieldError>
    </TextField>
  )
}

export interface Choice { id: string, label: string, detail?: string }

interface ChoiceProps {
  label: string
  name: string
  choices: readonly Choice[]
  value: string
  onChange: (id: string) => void
  hint?: ReactNode
  error?: string | undefined
  hideLabel?: boolean
  isDisabled?: boolean
}

export function ChoiceInput ({ label, choices, value, onChange, hint, error, hideLabel, ...rest }: ChoiceProps) {
  return (
    <AriaSelect className="field" name={rest.name} selectedKey={value} isDisabled={rest.isDisabled ?? false}
      isInvalid={error !== undefined && error !== ''} validationBehavior="aria"
      onSelectionChange={key => { if (key !== null) onChange(String(key)) }}
      {...(hideLabel ? { 'aria-label': label } : {})}>
      {!hideLabel && <Label>{label}</Label>}
      <AriaButton className="select-button"><SelectValue>{({ selectedText }) => selectedText}</SelectValue><Icon of={ChevronDown} /></AriaButton>
      {hint && <span className="hint">{hint}</span>}
      <FieldError className="field-error">{error}</FieldError>
      <Pop>
        <ListBox className="list-box" items={choices}>
          {choice => (
            <ListBoxItem id={choice.id} textValue={choice.label} className="menu-item">
              {({ isSelected }) => <>
                {isSelected && <Icon of={Check} />}
                <Text slot="label" className="label break">
                  {choice.label}{choice.detail && <span className="why"> {choice.detail}</span>}
                </Text>
              </>}
            </ListBoxItem>
          )}
        </ListBox>
      </Pop>
    </AriaSelect>
  )
}

export function Pop (props: PopoverProps) {
  return <Popover offset={4} {...props} className="popover" />
}

interface CheckProps { children: ReactNode, isSelected: boolean, onChange: (selected: boolean) => void, name?: string }

export function CheckInput ({ children, name, ...rest }: CheckProps) {
  return (
    <AriaCheckbox className="checkbox" {...rest} {...(name ? { name } : {})}>
      <span className="box" aria-hidden="true"><Icon of={Check} /></span>
      <span className="break">{children}</span>
    </AriaCheckbox>
  )
}
