#include "guest_linux.h"
