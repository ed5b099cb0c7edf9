/*
 * rules/common.h: what the verbs share, inside the room.
 */
#ifndef SECRETS_RULES_COMMON_H
#define SECRETS_RULES_COMMON_H

#include "rules/rules.h"

/* 22023, quoting nothing. */
extern PrivilegeSet check_privileges(const char *words, PrivilegeSet all);
extern void check_rule_pattern(const char *pattern);

/* 42704. */
extern Oid	check_role(const char *name);

/* A name, or "**" for everything (then NULL); else 22023. */
extern const char *check_asked_name(const char *name);

/* The words of a set: "read, list". */
extern char *privileges_text(PrivilegeSet set);

/*
 * Whether the effective role looks after rules there: holds grant or audit on
 * all of its pattern.  mine: of all rules those that may say so, found once, or
 * a stranger has every rule held against every other.
 */
extern List *rules_on_oversight(List *rules);
extern bool looks_after(List *mine, const Rule *rule);

#endif
