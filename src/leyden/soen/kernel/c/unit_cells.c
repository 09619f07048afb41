/* Nodes with one state each that step together, over whole sequences. */

#include "kernel.h"

#include "cells.inc"
#include "loop.inc"
#include "call.inc"

#if SINGLE
EXPORT int leyden_soen_abi(void) { return LEYDEN_SOEN_ABI; }
#endif
