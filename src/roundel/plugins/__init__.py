"""Where other libraries meet roundel: one module each, which loads when that library asks for it."""
