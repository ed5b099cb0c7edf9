/*
 * redact/hooks.h: where the server hands a statement's text to others.
 */
#ifndef SECRETS_REDACT_HOOKS_H
#define SECRETS_REDACT_HOOKS_H

extern void hooks_init(void);

#endif
