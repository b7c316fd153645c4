print("hutch")
