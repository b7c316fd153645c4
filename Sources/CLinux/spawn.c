#include "hutch_linux.h"
