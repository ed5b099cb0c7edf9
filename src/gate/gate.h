/*
 * gate/gate.h: who may.  One function, one decision, at every door.
 *
 * Who asks is the effective role, GetUserId(): in a SECURITY DEFINER function
 * its owner, which is how an application lends a secret without giving it away.
 */
#ifndef SECRETS_GATE_GATE_H
#define SECRETS_GATE_GATE_H

#include "base/pass.h"

/*
 * A pass, or 42501 in words that are the same whether the name exists or not;
 * 58000 where it may but the server is sealed.
 */
extern GatePass gate_require(Privilege privilege, const char *name);

/* For a listing: leaves out instead of raising.  Still 58000 while sealed. */
extern bool gate_allows(Privilege privilege, const char *name, GatePass *pass);

/* For what must work while sealed: status, seal, unseal. */
extern GatePass gate_require_operator(void);

#endif
