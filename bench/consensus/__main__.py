from bench.consensus import main

main()
