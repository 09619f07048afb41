/* Layers of any kind that step together, and circuits of connections over whole sequences. */

#include "kernel.h"

#include "edges.inc"
#include "layers.inc"
#include "band.inc"
#include "together.inc"
