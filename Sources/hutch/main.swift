import Commands

Hutch.main()
