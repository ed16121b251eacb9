[playlist]
NumberOfEntries=1
File1=http://a:8000/x
Title1=A = B
Length1=-1
Version=2
