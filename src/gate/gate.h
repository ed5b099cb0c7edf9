/*
 * gate/gate.h: who may.  One function, one decision, at every door.
 *
 * Who asks is the effective role, GetUserId(): in a SECURITY DEFINER function
 * its owner, which is how an application lends a secret without giving it away.
 */
#ifndef SECRETS_GATE_GATE_H
#define SECRETS_GATE_GATE_H

#include "base/compat.h"
#include "base/pass.h"
#include "policy/policy.h"

/*
 * A pass, or 42501 in words that are the same whether the name exists or not;
 * 58000 where it may but the server is sealed.  name NULL: everything, by rules
 * for "**" alone.
 */
extern GatePass gate_require(Privilege privilege, const char *name);

/* The same for whoever holds one of the two. */
extern GatePass gate_require_either(Privilege privilege, Privilege other, const char *name);

/* Raises nothing but 58000: granted or not is in the pass; and the refusal that gate_require() would be. */
extern GatePass gate_ask(Privilege privilege, const char *name);
pg_noreturn extern void gate_refuse(const GatePass *pass);

/* For who refuses in words of his own: on record only. */
extern void gate_record_refusal(const GatePass *pass);

/*
 * For the record, before a value goes out: 58030 where it cannot be written.
 * The refusals of this room record themselves; what is refused elsewhere, to
 * somebody who has a pass, or tells him that there is nothing, says so here.
 */
extern void gate_record(const GatePass *pass, const pg_uuid_t *id, int64 version);
extern void gate_record_failure(const GatePass *pass, const pg_uuid_t *id, int64 version, const char *reason);

/* A listing, of one name or of a pattern. */
extern void gate_record_listing(const char *pattern);

/* A search by whoever holds the privilege nowhere; of all others each name that is found says for itself. */
extern void gate_record_vain_search(Privilege privilege, const char *pattern);

/* Something done to the server, which must not fail for want of a record. */
extern void gate_record_act(const GatePass *pass, bool seals, const char *reason);

/* For a listing: leaves out instead of raising.  Still 58000 while sealed. */
extern bool gate_allows(Privilege privilege, const char *name, GatePass *pass);

/*
 * Where a listing may look at all: literal prefixes of the names on which the
 * privilege may be held, in "C" order, none a prefix of another; one empty
 * prefix is everywhere, and none nowhere.
 */
typedef struct GateScope
{
	int			n;
	const char **prefixes;
} GateScope;

extern GateScope *gate_scope(Privilege privilege);

/* For what concerns no name, and is not for strangers: whoever holds something somewhere. */
extern void gate_require_any(void);

/* 58000 while sealed. */
extern void gate_require_open(void);

/* For what must work while sealed: status, seal, unseal. */
extern GatePass gate_require_operator(void);

/* For check: operators, and auditors of everything; sealed or not. */
extern void gate_require_checker(void);

/* For status: operators, auditors of everything, and pg_monitor. */
extern void gate_require_status(void);

/* To give, deny or take: see policy_covers(); rules are all that there are. */
extern GatePass gate_require_reach(PrivilegeSet privileges, const Reach *reach);
extern bool gate_reaches(List *rules, PrivilegeSet privileges, const Reach *reach);

/* To ask about another role: whoever holds grant or audit on the name, or is a member of that role. */
extern void gate_require_asking(Oid role, const char *name);

/*
 * What the server runs for somebody (a security-restricted operation: ANALYZE, an
 * index build, a refresh) is refused, but for the one that rotation opens around
 * somebody's function: between these two, that role is asked for as ever.
 * Whoever else comes to be the effective role in there, by SECURITY DEFINER or
 * because something is his, is refused.  Also to be called when an error ends it.
 */
extern void gate_enter_rotator(Oid role);
extern void gate_leave_rotator(void);

/*
 * Before anything is changed, when the pass is there: 25006, 25000 where nothing
 * can be; and the database becomes the home of its rules.
 */
extern void gate_begin_change(void);

/* The last of it alone, where something can be changed: unseal() ends a restore. */
extern void gate_end_restore(void);

#endif
