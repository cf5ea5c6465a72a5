import type { FormEvent, ReactNode } from 'react'
import { Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components'
import { X } from 'lucide-react'
import { Button } from './controls'
import { Icon } from './icon'

interface DialogBoxProps {
  title: string
  isOpen: boolean
  onClose: () => void
  children: ReactNode
  foot?: ReactNode // Buttons; without any there is one to close.
  wide?: boolean
  onSubmit?: () => void // Makes the whole a form.
  role?: 'dialog' | 'alertdialog'
}

export function DialogBox ({ title, isOpen, onClose, children, foot, wide, onSubmit, role = 'dialog' }: DialogBoxProps) {
  const submit = (event: FormEvent): void => { event.preventDefault(); onSubmit?.() }
  const inner = <>
    <div className="modal-head">
      <Heading slot="title" level={2}>{title}</Heading>
      <Button look="quiet" iconOnly aria-label="Close" onPress={onClose}><Icon of={X} /></Button>
    </div>
    {/* Scrollable, so the keyboard must reach it. */}
    <div className="modal-body" tabIndex={0} role="group" aria-label={title}>{children}</div>
    <div className="modal-foot">{foot ?? <Button onPress={onClose}>Close</Button>}</div>
  </>
  return (
    <ModalOverlay className="scrim" isOpen={isOpen} isDismissable
      onOpenChange={open => { if (!open) onClose() }}>
      <Modal className={`modal${wide ? ' wide' : ''}`}>
        <Dialog className="modal-dialog" role={role}>
          {onSubmit ? <form className="modal-form" onSubmit={submit} noValidate>{inner}</form> : inner}
        </Dialog>
      </Modal>
    </ModalOverlay>
  )
}
